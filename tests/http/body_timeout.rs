//! Time limits of response bodies: in paused time, and against servers that stall.

use std::{
    convert::Infallible,
    error::Error,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, advance, sleep, timeout},
};
use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, Circuit, Classifier, Delivery, RetryLayer, State, Verdict,
    breaker::TripRule,
    classify::ErrorClassifier,
    http::{
        BodyBreakerLayer, BodyTimeoutLayer, FirstFrameLayer, StatusClassifier,
        body_timeout::{BodyElapsed, BodyLimit, TimeoutBody},
    },
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{
    config,
    loopback::{client, listen, request},
    replay_bodies::data,
    replay_edge_cases::Streamed,
};

type BoxError = Box<dyn Error + Send + Sync>;

const LONGEST: Duration = Duration::from_secs(20);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn idle(limit: Duration) -> BodyTimeoutLayer {
    BodyTimeoutLayer::new().idle(limit).unwrap()
}

fn total(limit: Duration) -> BodyTimeoutLayer {
    BodyTimeoutLayer::new().total(limit).unwrap()
}

async fn through<B>(limits: BodyTimeoutLayer, body: B) -> TimeoutBody<B>
where
    B: Body<Error: Into<BoxError>>,
{
    let mut response = Some(Response::new(body));
    let server = service_fn(move |_: Request<()>| std::future::ready(Ok::<_, Infallible>(response.take().unwrap())));
    limits.layer(server).oneshot(Request::new(())).await.unwrap().into_body()
}

/// The limit that caused this error.
fn limit(error: &BoxError) -> Option<BodyLimit> {
    error.downcast_ref::<BodyElapsed>().map(BodyElapsed::kind)
}

/// Reads the body to its end.
async fn end_of(body: impl Body<Data = Bytes, Error = BoxError>) -> Result<Bytes, BoxError> {
    timeout(LONGEST, body.collect()).await.expect("the test hangs").map(|read| read.to_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_ends_with_the_idle_limit() {
    let (frames, body) = Streamed::new();
    let mut body = through(idle(ms(100)), body).await;
    let begun = Instant::now();
    frames.send(data("first")).unwrap();
    assert!(body.frame().await.unwrap().is_ok());
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!((limit(&error), begun.elapsed()), (Some(BodyLimit::Idle), ms(100)));
    assert_eq!(error.to_string(), "the response body was idle for 100ms, its idle limit");
    assert!(frames.is_closed(), "the inner body is dropped at once");
    assert!(!body.is_end_stream() && body.size_hint().exact().is_none(), "it doesn't look complete");
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn every_frame_restarts_the_idle_limit() {
    let (frames, body) = Streamed::new();
    let body = through(idle(ms(100)), body).await;
    tokio::spawn(async move {
        for _ in 0..10 {
            sleep(ms(99)).await;
            frames.send(data("x")).unwrap();
        }
    });
    assert_eq!(end_of(body).await.unwrap(), "xxxxxxxxxx");
}

#[tokio::test(start_paused = true)]
async fn time_without_reads_is_not_idle_time() {
    let (frames, body) = Streamed::new();
    let mut body = through(idle(ms(100)), body).await;
    for _ in 0..3 {
        frames.send(data("x")).unwrap();
        advance(ms(1_000)).await;
        assert!(body.frame().await.unwrap().is_ok());
        advance(ms(1_000)).await;
    }
    let begun = Instant::now();
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!((limit(&error), begun.elapsed()), (Some(BodyLimit::Idle), ms(100)));
}

#[tokio::test(start_paused = true)]
async fn a_trickle_ends_with_the_total_limit() {
    let (frames, body) = Streamed::new();
    let limits = idle(ms(100)).total(ms(1_500)).unwrap();
    let mut body = through(limits, body).await;
    let begun = Instant::now();
    let trickle = tokio::spawn(async move {
        while frames.send(data("x")).is_ok() {
            sleep(ms(20)).await
        }
    });
    let error = loop {
        if let Err(error) = body.frame().await.unwrap() {
            break error;
        }
    };
    assert_eq!((limit(&error), begun.elapsed()), (Some(BodyLimit::Total), ms(1_500)));
    assert_eq!(error.to_string(), "the response body did not end within 1.5s, its total limit");
    trickle.await.unwrap();
}

/// A body that is always ready never waits for its timer.
#[tokio::test(start_paused = true)]
async fn a_body_without_end_ends_with_the_total_limit() {
    let (frames, body) = Streamed::new();
    let mut body = through(total(ms(100)), body).await;
    for _ in 0..10 {
        frames.send(data("x")).unwrap();
        assert!(body.frame().await.unwrap().is_ok());
        advance(ms(10)).await;
    }
    frames.send(data("x")).unwrap();
    assert_eq!(limit(&body.frame().await.unwrap().unwrap_err()), Some(BodyLimit::Total));
}

#[tokio::test(start_paused = true)]
async fn a_complete_body_is_read_also_after_its_limit() {
    let mut body = through(total(ms(100)), Full::<Bytes>::from("complete")).await;
    advance(ms(1_000)).await;
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "complete");
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_body_passes_through() {
    let (frames, body) = Streamed::new();
    let mut body = through(idle(ms(100)).total(ms(100)).unwrap(), body).await;
    frames.send(Err(std::io::Error::other("reset"))).unwrap();
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(error.is::<std::io::Error>());
}

#[tokio::test(start_paused = true)]
async fn a_limit_beyond_the_clocks_range_is_no_limit() {
    let (frames, body) = Streamed::new();
    let mut body = through(idle(Duration::MAX).total(Duration::MAX).unwrap(), body).await;
    let waits = timeout(Duration::from_secs(86_400), body.frame()).await;
    assert!(waits.is_err());
    drop(frames);
    assert!(body.frame().await.is_none());
}

#[test]
fn a_limit_of_zero_is_invalid() {
    let refused = BodyTimeoutLayer::new().idle(Duration::ZERO).unwrap_err();
    assert_eq!(refused.to_string(), "`idle` is 0ns, but must be more than 0");
    assert_eq!(BodyTimeoutLayer::new().total(Duration::ZERO).unwrap_err().field(), "total");
}

#[tokio::test(start_paused = true)]
async fn the_error_is_classified_as_timed_out() {
    let (_frames, body) = Streamed::new();
    let error = through(idle(ms(1)), body).await.frame().await.unwrap().unwrap_err();
    let verdict = Classifier::<(), (), BoxError>::classify(&ErrorClassifier, &(), Err(&error));
    assert_eq!(verdict, Verdict::timed_out().delivery(Delivery::Sent).idempotency_unknown());
    let (statuses, answer) = (StatusClassifier::default(), Response::new(String::new()));
    let memo = Classifier::<_, Response<String>, BoxError>::memo(&statuses, &Request::new(()));
    let judge = |outcome| Classifier::<Request<()>, Response<String>, BoxError>::classify(&statuses, &memo, outcome);
    assert_eq!((judge(Err(&error)), judge(Ok(&answer))), (verdict.safe_to_resend(), Verdict::Success));
}

/// What an HTTP/1.1 server sends of a response with a body of 10 bytes. A script has one entry per
/// connection; the last one repeats.
#[derive(Clone, Copy)]
enum Play {
    /// The whole body.
    All,
    /// The head, and then nothing.
    Stall,
    /// One byte every 20 ms.
    Trickle,
}

struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// Connections that the client closed before it had the whole body.
    closed: Arc<AtomicUsize>,
}

async fn serve(check_script: &'static [Play]) -> Server {
    let (listener, address) = listen().await;
    let server = Server { address, connections: Arc::default(), closed: Arc::default() };
    let (connections, closed) = (Arc::clone(&server.connections), Arc::clone(&server.closed));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let number = connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(play(check_script[number.min(check_script.len() - 1)], socket, Arc::clone(&closed)));
        }
    });
    server
}

async fn play(play: Play, mut socket: TcpStream, closed: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut request = [0; 4_096];
    let _ = socket.read(&mut request).await?;
    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\n").await?;
    match play {
        Play::All => return socket.write_all(b"0123456789").await,
        Play::Trickle => {
            for _ in 0..9 {
                // The write fails once the client has closed the connection, and so does the read
                // below.
                let _ = socket.write_all(b"x").await;
                sleep(ms(20)).await;
            }
        }
        Play::Stall => {}
    }
    if socket.read(&mut request).await.map_or(true, |read| read == 0) {
        closed.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

async fn is_true(holds: impl Fn() -> bool) {
    let polled = async {
        while !holds() {
            sleep(ms(1)).await;
        }
    };
    timeout(LONGEST, polled).await.expect("the body ends");
}

#[tokio::test]
async fn a_server_that_stalls_after_its_head_times_out() {
    let server = serve(&[Play::Stall]).await;
    let mut limited = idle(ms(50)).layer(client());
    let answer = limited.call(request("GET", server.address, "")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let error = end_of(answer.into_body()).await.unwrap_err();
    assert_eq!(limit(&error), Some(BodyLimit::Idle));
    is_true(|| server.closed.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn a_server_that_trickles_hits_the_total_limit() {
    let server = serve(&[Play::Trickle]).await;
    let limits = idle(LONGEST).total(ms(100)).unwrap();
    let answer = limits.layer(client()).call(request("GET", server.address, "")).await.unwrap();
    let error = end_of(answer.into_body()).await.unwrap_err();
    assert_eq!(limit(&error), Some(BodyLimit::Total));
    is_true(|| server.closed.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn a_stall_before_the_first_byte_is_retried_for_a_get() {
    for (method, whole) in [("GET", true), ("POST", false)] {
        let server = serve(&[Play::Stall, Play::All]).await;
        let stack = ServiceBuilder::new()
            .layer(RetryLayer::new(config()))
            .layer(FirstFrameLayer::new())
            .layer(idle(ms(50)))
            .service(client());
        let answer = stack.oneshot(request(method, server.address, "")).await.unwrap();
        let read = end_of(answer.into_body()).await;
        assert_eq!(read.is_ok_and(|read| read == "0123456789"), whole, "{method}");
        assert_eq!(server.connections.load(Ordering::SeqCst), if whole { 2 } else { 1 }, "{method}");
    }
}

#[tokio::test]
async fn stalled_calls_end_and_count_for_a_breaker() {
    let server = serve(&[Play::Stall]).await;
    let config = BreakerConfig::http().fixed_share().open_when(TripRule::consecutive(300).unwrap());
    let circuit = Circuit::new(config.without_observers().count_all_calls());
    let stack = ServiceBuilder::new().layer(BodyBreakerLayer::on(&circuit)).layer(total(ms(1_500))).service(client());
    let mut calls = JoinSet::new();
    for _ in 0..300 {
        let (stack, request) = (stack.clone(), request("GET", server.address, ""));
        calls.spawn(async move { end_of(stack.oneshot(request).await.unwrap().into_body()).await });
    }
    while let Some(ended) = calls.join_next().await {
        assert_eq!(limit(&ended.unwrap().unwrap_err()), Some(BodyLimit::Total));
    }
    assert_eq!((circuit.stats().total_failures, circuit.state()), (300, State::Open));
}
