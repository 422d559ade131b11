//! The open-loop load: requests leave when the script says, however the earlier ones fare.

use std::{io, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tower::ServiceExt;

use crate::{
    clients::{BoxClient, Client, FromFallback},
    progress::Progress,
    record::{End, Fate, Record},
    script::Script,
    upstream::Upstream,
};

/// Long enough for the server to be up before the first request leaves.
const PREPARATION: Duration = Duration::from_millis(50);

/// Plays the whole script to one client against a fresh upstream.
pub(crate) async fn play(script: Script, client: Client, progress: &mut Progress) -> io::Result<Record> {
    let start = Instant::now() + PREPARATION;
    let upstream = Upstream::open(script, start).await?;
    let uri = upstream.uri();
    let service = client.service(&script).map_err(io::Error::other)?;

    let mut fates = Vec::new();
    let mut watched = JoinSet::new();
    // Demand goes on until the last watched request has ended: in a sudden calm at the end of the script, retries that
    // have kept the upstream down would look as if they had worked.
    let mut after = JoinSet::new();
    for arrival in script.arrivals() {
        sleep_until(start + arrival).await;
        while let Some(fate) = watched.try_join_next() {
            fates.push(fate?);
        }
        let over = arrival >= script.length;
        if over && watched.is_empty() {
            break;
        }
        progress.at(arrival);
        let request = Request::get(&uri).body(Full::default()).map_err(io::Error::other)?;
        let requests = if over { &mut after } else { &mut watched };
        requests.spawn(fate(service.clone(), request, arrival, start));
    }
    Ok(Record::new(client, script, fates, upstream.close()))
}

/// One request, from when its caller wanted it until an answer or an error.
async fn fate(service: BoxClient, request: Request<Full<Bytes>>, arrival: Duration, start: Instant) -> Fate {
    let end = match service.oneshot(request).await {
        Ok(response) if !response.status().is_success() => End::Failed,
        Ok(response) if response.extensions().get::<FromFallback>().is_some() => End::Fallback,
        Ok(_) => End::Upstream,
        Err(_) => End::Failed,
    };
    // Not counted from when a busy machine got round to sending it: that wait is the caller's too.
    Fate { arrival, end, wait: (start + arrival).elapsed() }
}
