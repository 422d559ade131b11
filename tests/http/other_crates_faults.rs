//! Known bugs of other projects in handling bodies: linkerd2#15649, failsafe-go#123.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::Body as AxumBody;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, combinators::BoxBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{net::TcpListener, time::timeout};
use tower::{Layer, service_fn};
use tower_recourse::{
    Elapsed, RetryLayer,
    http::{Replay, Replayable, replay::CloneableBody},
    retry::{RequestReplay, Timeouts},
};

use crate::{
    config,
    replay_bodies::{Boxed, Frames, data, split},
    replay_edge_cases::Streamed,
};

fn chunks() -> Frames {
    Frames::of(["one ", "two ", "three"].map(data))
}

/// Resends a body whose first attempt has read `frames_read` frames (`None`: hasn't polled it).
/// With `lingers`, the first attempt's body still exists while the body is resent. Returns the
/// resent body.
async fn sent_again<B>(body: B, frames_read: Option<usize>, lingers: bool) -> Bytes
where
    B: Replayable + Body<Data = Bytes, Error: std::fmt::Debug> + Unpin,
{
    let replay = Replay::default();
    let (first, kept) = split(&replay, Request::new(body));
    let mut first = first.into_body();
    for _ in 0..frames_read.unwrap_or(0) {
        first.frame().await.unwrap().unwrap();
    }
    let _held = lingers.then_some(first);
    let again: Request<B> = replay.copy(&mut kept.unwrap()).unwrap();
    again.into_body().collect().await.unwrap().to_bytes()
}

/// linkerd2#15649: the body of the retry began with the first chunk twice.
#[tokio::test]
async fn a_body_that_was_not_polled_is_resent_once() {
    for frames_read in [None, Some(1), Some(2), Some(3)] {
        for lingers in [false, true] {
            let whole = "one two three";
            assert_eq!(sent_again(chunks().boxed_unsync(), frames_read, lingers).await, whole);
            assert_eq!(sent_again(AxumBody::new(chunks()), frames_read, lingers).await, whole);
            let sync: BoxBody<Bytes, io::Error> = chunks().boxed();
            assert_eq!(sent_again(sync, frames_read, lingers).await, whole);
            let shared: CloneableBody<Boxed> =
                Replay::default().cloneable(Request::new(chunks().boxed_unsync())).into_body();
            assert_eq!(sent_again(shared, frames_read, lingers).await, whole);
        }
    }
}

/// The same over HTTP/2 on a socket. The server refuses the first stream after its head, before or
/// after a part of the body, and records the body of the next one.
#[tokio::test]
async fn a_refused_stream_sends_each_chunk_once() {
    for chunks_before in [0, 1, 2] {
        let received = Arc::new(Mutex::new(Vec::new()));
        let (listener, log) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), received.clone());
        let address = listener.local_addr().unwrap();
        let refused = Arc::new(tokio::sync::Notify::new());
        let has_refused = refused.clone();
        let serving = tokio::spawn(async move {
            let (socket, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(socket).await.unwrap();
            let mut requests = 0;
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                requests += 1;
                if requests == 1 {
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                    has_refused.notify_one();
                    continue;
                }
                let log = log.clone();
                tokio::spawn(async move {
                    let mut body = request.into_body();
                    while let Some(Ok(chunk)) = body.data().await {
                        let _ = body.flow_control().release_capacity(chunk.len());
                        log.lock().unwrap().extend_from_slice(&chunk);
                    }
                    respond.send_response(Response::new(()), true).unwrap();
                });
            }
        });
        let (frames, source) = Streamed::new();
        let texts = ["one ", "two ", "three"];
        texts[..chunks_before].iter().for_each(|text| frames.send(data(text)).unwrap());
        let mut client = Client::builder(TokioExecutor::new());
        let client = client.http2_only(true).build_http::<Boxed>();
        let request = Request::post(format!("http://{address}/")).body(source.boxed_unsync()).unwrap();
        let answering = tokio::spawn(RetryLayer::new(config()).layer(client).oneshot(request));
        timeout(Duration::from_secs(20), refused.notified()).await.unwrap();
        texts[chunks_before..].iter().for_each(|text| frames.send(data(text)).unwrap());
        drop(frames);
        let response = timeout(Duration::from_secs(20), answering).await.unwrap().unwrap().unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(*received.lock().unwrap(), b"one two three", "{chunks_before} chunks before");
        serving.abort();
    }
}

/// failsafe-go#123: the end of an attempt cancelled something that the body of its response still
/// needed.
#[tokio::test(start_paused = true)]
async fn time_limits_of_a_call_do_not_end_its_response_body() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let service = service_fn(move |_: Request<Boxed>| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let (frames, body) = Streamed::new();
            let status = if call == 0 { 503 } else { 200 };
            tokio::spawn(async move {
                for text in ["one ", "two ", "three"] {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    // Sending fails if the body has been dropped. Only the first response's body
                    // may be.
                    frames.send(data(text)).unwrap_or_else(|_| assert_eq!(call, 0, "it was dropped"));
                }
            });
            Ok::<_, io::Error>(Response::builder().status(status).body(body).unwrap())
        }
    });
    let limits = Timeouts::attempt(Duration::from_secs(1)).total(Duration::from_secs(8));
    let config = config().timeouts(limits.on_timeout(|_: Elapsed| Err(io::ErrorKind::TimedOut.into())));
    let empty = Frames::of([]).boxed_unsync();
    let response =
        RetryLayer::new(config).layer(service).oneshot(Request::get("/").body(empty).unwrap()).await.unwrap();
    assert_eq!((response.status().as_u16(), calls.load(Ordering::SeqCst)), (200, 2));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "one two three");
}
