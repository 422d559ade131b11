//! The open-loop load: the script sets the time of each request, whatever happens to earlier ones.

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
    record::{End, Outcome, Record},
    script::Script,
    upstream::Upstream,
};

/// The time for the server to start before the first request.
const PREPARATION: Duration = Duration::from_millis(50);

/// Runs the script with one client and a new upstream.
pub(crate) async fn play(script: Script, client: Client, progress: &mut Progress) -> io::Result<Record> {
    let start = Instant::now() + PREPARATION;
    let upstream = Upstream::open(script, start).await?;
    let uri = upstream.uri();
    let service = client.service(&script).map_err(io::Error::other)?;

    let mut outcomes = Vec::new();
    let mut watched = JoinSet::new();
    // Sends further requests until the last measured one has ended. Without them, the load would
    // drop at the end of the script, and retries that keep the upstream down would seem to succeed.
    let mut after = JoinSet::new();
    for arrival in script.arrivals() {
        sleep_until(start + arrival).await;
        while let Some(outcome) = watched.try_join_next() {
            outcomes.push(outcome?);
        }
        let over = arrival >= script.length;
        if over && watched.is_empty() {
            break;
        }
        progress.at(arrival);
        let request = Request::get(&uri).body(Full::default()).map_err(io::Error::other)?;
        let requests = if over { &mut after } else { &mut watched };
        requests.spawn(call(service.clone(), request, arrival, start));
    }
    Ok(Record::new(client, script, outcomes, upstream.close()))
}

/// Makes one request, and measures from its arrival to its response or error.
async fn call(service: BoxClient, request: Request<Full<Bytes>>, arrival: Duration, start: Instant) -> Outcome {
    let end = match service.oneshot(request).await {
        Ok(response) if !response.status().is_success() => End::Failed,
        Ok(response) if response.extensions().get::<FromFallback>().is_some() => End::Fallback,
        Ok(_) => End::Upstream,
        Err(_) => End::Failed,
    };
    // Measures from the scheduled arrival, because a delay in sending also makes the caller wait.
    Outcome { arrival, end, wait: (start + arrival).elapsed() }
}
