//! The faults in HTTP/2, stream by stream. The connection ends gracefully, and the client opens the
//! next one.

use std::{
    future::poll_fn,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, server::SendResponse};
use http::{Request, Response};
use tokio::net::TcpStream;

use crate::{plan::Fault, server::ServerState};

pub(crate) async fn serve(socket: TcpStream, desk: Arc<ServerState>) {
    // h2 treats many resets and many small unread frames as attacks, and ends the connection with
    // an error. Its limit for unread frames depends on the size of the window.
    let mut settings = h2::server::Builder::new();
    settings.max_local_error_reset_streams(None).initial_connection_window_size(16 << 20);
    let Ok(mut connection) = settings.handshake(socket).await else { return };
    while let Some(accepted) = connection.accept().await {
        let Ok((request, respond)) = accepted else { break };
        let desk = desk.clone();
        let (id, call) = of(&request);
        let fault = desk.next_fault(id, call, Fault::by_http2);
        if fault == Fault::CloseAfter {
            connection.graceful_shutdown();
        }
        tokio::spawn(async move {
            let _ = play(request.into_body(), respond, fault, id, &desk).await;
        });
    }
}

fn of<B>(request: &Request<B>) -> (u32, usize) {
    let id = request.uri().path().trim_start_matches('/').parse().expect("the path is the number");
    let call = request.headers()["x-call"].to_str().unwrap().parse().expect("a number");
    (id, call)
}

async fn play(
    mut body: RecvStream,
    mut respond: SendResponse<Bytes>,
    fault: Fault,
    id: u32,
    desk: &ServerState,
) -> Result<(), h2::Error> {
    let good = desk.account.plan.response(id);
    match fault {
        Fault::Refused => {
            respond.send_reset(Reason::REFUSED_STREAM);
            return Ok(());
        }
        Fault::Early200 => answer(&mut respond, head(200), good.clone())?,
        Fault::Early503 => answer(&mut respond, head(503), "early".into())?,
        Fault::Early503Close => {
            answer(&mut respond, head(503), "early".into())?;
            // The response is complete without the rest of the request (RFC 9113, 8.1).
            respond.send_reset(Reason::NO_ERROR);
            return Ok(());
        }
        _ => {}
    }
    read(&mut body, id, desk).await?;
    match fault {
        Fault::None | Fault::CloseAfter => answer(&mut respond, head(200), good),
        Fault::Is500 | Fault::Is502 | Fault::Is503 | Fault::Is504 => {
            answer(&mut respond, head(fault.status().unwrap()), "not now".into())
        }
        Fault::Throttled => answer(&mut respond, head(429).header("retry-after", "0"), "slower".into()),
        Fault::ThrottledASecond => answer(&mut respond, head(429).header("retry-after", "1"), "slower".into()),
        Fault::ThrottledInThePast => {
            answer(&mut respond, head(503).header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), "slower".into())
        }
        Fault::ThrottledForEver => {
            answer(&mut respond, head(503).header("retry-after", "1000000000000"), "slower".into())
        }
        Fault::ResetBeforeHeaders => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            Ok(())
        }
        Fault::ResetInBody => {
            let mut stream = respond.send_response(head(200).body(()).unwrap(), false)?;
            stream.send_data(good.into(), false)?;
            // Without the wait, the reset would overtake the earlier frames.
            tokio::time::sleep(Duration::from_millis(5)).await;
            stream.send_reset(Reason::INTERNAL_ERROR);
            Ok(())
        }
        Fault::Slow => poll_fn(|cx| respond.poll_reset(cx)).await.map(drop),
        Fault::Endless503 => endless(respond.send_response(head(503).body(()).unwrap(), false)?).await,
        Fault::Early200 | Fault::Early503 => Ok(()),
        other => unreachable!("{other:?} isn't a fault of HTTP/2"),
    }
}

fn head(status: u16) -> http::response::Builder {
    Response::builder().status(status)
}

fn answer(respond: &mut SendResponse<Bytes>, head: http::response::Builder, body: String) -> Result<(), h2::Error> {
    respond.send_response(head.body(()).unwrap(), false)?.send_data(body.into(), true)
}

/// Reads the body, and checks that it is what was sent.
async fn read(body: &mut RecvStream, id: u32, desk: &ServerState) -> Result<(), h2::Error> {
    let mut expected = desk.account.plan.body(id);
    let mut is_right = true;
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        is_right &= expected.starts_with(&piece);
        expected = expected.get(piece.len()..).unwrap_or_default();
    }
    if !is_right || !expected.is_empty() {
        desk.account.corrupt.fetch_add(1, SeqCst);
    }
    Ok(())
}

/// Sends frames until the client closes the stream.
async fn endless(mut stream: SendStream<Bytes>) -> Result<(), h2::Error> {
    static CHUNK: [u8; 16 << 10] = [b'.'; 16 << 10];
    loop {
        stream.reserve_capacity(CHUNK.len());
        let Some(capacity) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return Ok(()) };
        stream.send_data(Bytes::from_static(&CHUNK[..capacity?.min(CHUNK.len())]), false)?;
    }
}
