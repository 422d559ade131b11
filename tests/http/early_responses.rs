//! Servers that respond before they have read the request body, over HTTP/1 and HTTP/2.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpListener, time::timeout};
use tower::Layer;
use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, RetryLayer, http::Replay};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{config, replay_bodies::Boxed, replay_edge_cases::Streamed};

const LONGEST: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Version {
    One,
    Two,
}

fn client(version: Version) -> Client<HttpConnector, Boxed> {
    Client::builder(TokioExecutor::new()).http2_only(version == Version::Two).build_http()
}

/// Responds with 503 to the first `times` requests as soon as their head has arrived, without
/// reading further. For later requests, it reads the whole body and responds with that body.
async fn early_server(version: Version, times: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let counted = counted.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let early = counted.fetch_add(1, Ordering::SeqCst) < times;
                async move {
                    let (status, body) = if early {
                        (StatusCode::SERVICE_UNAVAILABLE, Bytes::new())
                    } else {
                        (StatusCode::OK, request.into_body().collect().await?.to_bytes())
                    };
                    Ok::<_, hyper::Error>(Response::builder().status(status).body(Full::new(body)).unwrap())
                }
            });
            let socket = TokioIo::new(socket);
            tokio::spawn(async move {
                match version {
                    Version::One => {
                        let _ = hyper::server::conn::http1::Builder::new().serve_connection(socket, service).await;
                    }
                    Version::Two => {
                        let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                        let _ = serving.serve_connection(socket, service).await;
                    }
                }
            });
        }
    });
    (address, calls)
}

#[tokio::test]
async fn the_next_attempt_continues_from_the_source() {
    for version in [Version::One, Version::Two] {
        let (address, calls) = early_server(version, 2).await;
        let replay = Replay::default();
        let (frames, source) = Streamed::new();
        frames.send(Ok(Frame::data("before, ".into()))).unwrap();
        let request = Request::put(format!("http://{address}/")).body(source.boxed_unsync()).unwrap();
        let service = RetryLayer::new(config().replay(replay.clone())).layer(client(version));
        let answering = tokio::spawn(async move { service.oneshot(request).await });
        // The rest of the body is sent after the third request has arrived, so after two responses.
        let counted = calls.clone();
        let answered_twice = async move {
            while counted.load(Ordering::SeqCst) < 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONGEST, answered_twice).await.unwrap();
        frames.send(Ok(Frame::data("and after".into()))).unwrap();
        drop(frames);
        let response = timeout(LONGEST, answering).await.unwrap().unwrap().unwrap();
        let body = timeout(LONGEST, response.into_body().collect()).await.unwrap().unwrap().to_bytes();
        assert_eq!((body, calls.load(Ordering::SeqCst)), ("before, and after".into(), 3), "{version:?}");
        assert_eq!(replay.memory_in_use(), 0, "{version:?}");
    }
}

/// The stored body is dropped when the caller drops the call, at any time.
#[tokio::test]
async fn nothing_is_stored_after_the_caller_gave_up() {
    for version in [Version::One, Version::Two] {
        for given_up_after in [0, 1, 5, 20, 60, 120] {
            let (address, _) = early_server(version, usize::MAX).await;
            let replay = Replay::default();
            let (frames, source) = Streamed::new();
            frames.send(Ok(Frame::data("x".repeat(5_000).into()))).unwrap();
            let request = Request::put(format!("http://{address}/")).body(source.boxed_unsync()).unwrap();
            let retry = RetryLayer::new(config().retries(100).replay(replay.clone()));
            let service = retry.layer(client(version));
            let _ = timeout(Duration::from_millis(given_up_after), service.oneshot(request)).await;
            // The connection's task may hold the body for a moment longer. The test keeps the
            // source open meanwhile.
            let forgotten = async {
                while replay.memory_in_use() > 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            timeout(LONGEST, forgotten).await.unwrap_or_else(|_| panic!("{version:?}, {given_up_after} ms"));
            drop(frames);
        }
    }
}

/// The client's own body fails. The request isn't retried, although it is a PUT, and the circuit
/// counts the call as neutral.
#[tokio::test]
async fn a_request_whose_body_fails_is_not_retried() {
    for version in [Version::One, Version::Two] {
        let (address, calls) = early_server(version, 0).await;
        let (frames, source) = Streamed::new();
        frames.send(Ok(Frame::data("half".into()))).unwrap();
        let request = Request::put(format!("http://{address}/")).body(source.boxed_unsync()).unwrap();
        let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
        let service = RetryLayer::new(config()).layer(BreakerLayer::on(&circuit).layer(client(version)));
        let answering = tokio::spawn(async move { service.oneshot(request).await });
        let counted = calls.clone();
        let arrived = async move {
            while counted.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONGEST, arrived).await.unwrap();
        frames.send(Err(std::io::Error::other("the client went away"))).unwrap();
        timeout(LONGEST, answering).await.unwrap().unwrap().unwrap_err();
        let stats = circuit.stats();
        let ended = (stats.total_failures, stats.total_neutral);
        assert_eq!((calls.load(Ordering::SeqCst), ended), (1, (0, 1)), "{version:?}");
    }
}
