//! A breaker that waits for the end of the response body.

use std::{
    convert::Infallible,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tokio::sync::mpsc;
use tokio_test::{assert_pending, assert_ready};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, RetryLayer, State,
    breaker::{TripRule, Window},
    http::{BodyBreakerLayer, StatusClassifier, Unavailable, body_breaker::TrackedBody},
    testing::EventRecorder,
    time::ManualClock,
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{Scripted, config, empty_response, replay_bodies::data, replay_edge_cases::Streamed};

type Frames = mpsc::UnboundedSender<io::Result<Frame<Bytes>>>;

fn circuit() -> Circuit<StatusClassifier> {
    let config = BreakerConfig::http().fixed_share().open_when(TripRule::consecutive(1).unwrap());
    Circuit::new(config.clock(ManualClock::new()).without_observers().count_all_calls())
}

/// Makes a call through a body breaker on this circuit. Returns the sender of the response body,
/// and the body.
async fn begun(circuit: &Circuit<StatusClassifier>, head: http::response::Builder) -> (Frames, TrackedBody<Streamed>) {
    let (frames, body) = Streamed::new();
    (frames, through(circuit, Request::get("/"), head.body(body).unwrap()).await)
}

async fn through<B: Body<Data: Send> + Send + 'static>(
    circuit: &Circuit<StatusClassifier>,
    request: http::request::Builder,
    response: Response<B>,
) -> TrackedBody<B> {
    let mut response = Some(response);
    let server = service_fn(move |_: Request<()>| std::future::ready(Ok::<_, io::Error>(response.take().unwrap())));
    BodyBreakerLayer::on(circuit).layer(server).oneshot(request.body(()).unwrap()).await.unwrap().into_body()
}

/// Successes, failures, neutral, dropped.
fn counted(circuit: &Circuit<StatusClassifier>) -> (u64, u64, u64, u64) {
    let stats = circuit.stats();
    (stats.total_successes.unwrap(), stats.total_failures, stats.total_neutral, stats.total_dropped)
}

const NONE: (u64, u64, u64, u64) = (0, 0, 0, 0);
const SUCCESS: (u64, u64, u64, u64) = (1, 0, 0, 0);
const FAILURE: (u64, u64, u64, u64) = (0, 1, 0, 0);
const DROPPED: (u64, u64, u64, u64) = (0, 0, 0, 1);

#[tokio::test]
async fn a_body_that_ends_is_a_success() {
    let circuit = circuit();
    let (frames, mut body) = begun(&circuit, Response::builder()).await;
    frames.send(data("a")).unwrap();
    body.frame().await.unwrap().unwrap();
    assert_eq!(counted(&circuit), NONE, "it may still fail");
    drop(frames);
    assert!(body.frame().await.is_none());
    assert_eq!(counted(&circuit), SUCCESS);
    drop(body);
    assert_eq!(counted(&circuit), SUCCESS, "it ends once");
}

#[tokio::test]
async fn a_body_that_fails_is_a_failure() {
    let circuit = circuit();
    let (frames, mut body) = begun(&circuit, Response::builder()).await;
    frames.send(data("a")).unwrap();
    frames.send(Err(io::Error::other("reset"))).unwrap();
    body.frame().await.unwrap().unwrap();
    body.frame().await.unwrap().unwrap_err();
    drop(body);
    assert_eq!((counted(&circuit), circuit.state()), (FAILURE, State::Open));
}

/// The events of a call whose body has these frames.
async fn events_of(head: http::response::Builder, frames: Vec<io::Result<Frame<Bytes>>>) -> Vec<String> {
    let events = EventRecorder::new();
    let config = BreakerConfig::http().open_when(TripRule::Never).without_observers().observe(events.clone());
    let circuit = Circuit::new(config);
    let (sender, mut body) = begun(&circuit, head).await;
    frames.into_iter().for_each(|frame| sender.send(frame).unwrap());
    drop(sender);
    while let Some(Ok(_)) = body.frame().await {}
    events.lines()
}

#[tokio::test]
async fn the_event_describes_how_the_body_failed() {
    let head = Response::builder;
    let grpc = || head().header("content-type", "application/grpc");
    let failed = |text: &str| [format!("CallFailed failure={text}")];
    let error = io::Error::from(io::ErrorKind::ConnectionReset);
    let events = events_of(head(), vec![data("a"), Err(error)]).await;
    assert_eq!(events, failed(r#"transient error="connection reset""#));
    let events = events_of(head(), vec![Err(io::Error::from(io::ErrorKind::TimedOut))]).await;
    assert_eq!(events, failed(r#"timed_out error="timed out""#));
    let events = events_of(head().header("content-length", "9"), vec![data("a")]).await;
    assert_eq!(events, failed(r#"transient error="the body ended before its announced length""#));
    let events = events_of(grpc(), vec![data("a")]).await;
    assert_eq!(events, failed(r#"transient error="the body ended within a gRPC message""#));
    let events = events_of(grpc(), Vec::new()).await;
    assert_eq!(events, failed(r#"transient error="the body ended without a grpc-status""#));
}

/// A body ends without trailers, with trailers, or by `is_end_stream`. In each case its length is
/// compared with `content-length`.
#[tokio::test]
async fn a_body_shorter_than_announced_is_a_failure() {
    for trailers in [false, true] {
        let circuit = circuit();
        let (frames, mut body) = begun(&circuit, Response::builder().header("content-length", "100")).await;
        frames.send(data("0123456789")).unwrap();
        body.frame().await.unwrap().unwrap();
        if trailers {
            frames.send(Ok(Frame::trailers(HeaderMap::new()))).unwrap();
        }
        drop(frames);
        assert_eq!(body.frame().await.is_some(), trailers);
        assert_eq!((counted(&circuit), circuit.state()), (FAILURE, State::Open));
    }

    struct Short(Option<Bytes>);
    impl Body for Short {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
        }
        fn is_end_stream(&self) -> bool {
            self.0.is_none()
        }
    }
    for (short, announced, outcome) in
        [(Some("short"), "6", FAILURE), (None, "6", FAILURE), (Some("short"), "5", SUCCESS), (None, "0", SUCCESS)]
    {
        let circuit = circuit();
        let head = Response::builder().header("content-length", announced);
        let body = Short(short.map(Bytes::from));
        let mut body = through(&circuit, Request::get("/"), head.body(body).unwrap()).await;
        if short.is_some() {
            body.frame().await.unwrap().unwrap();
        }
        assert_eq!(counted(&circuit), outcome, "{short:?} of {announced}");
    }
}

/// A layer that replaces the body may leave the old length in the header. The body's own length
/// counts.
#[tokio::test]
async fn a_replaced_body_has_its_own_length() {
    let circuit = circuit();
    let head = Response::builder().header("content-length", "100");
    let body = through(&circuit, Request::get("/"), head.body(Full::<Bytes>::from("unpacked")).unwrap()).await;
    assert_eq!(body.collect().await.unwrap().to_bytes(), "unpacked");
    assert_eq!(counted(&circuit), SUCCESS);
}

#[tokio::test]
async fn a_body_that_the_client_drops_is_neutral() {
    for frames_read in [0, 1] {
        let circuit = circuit();
        let (frames, mut body) = begun(&circuit, Response::builder()).await;
        frames.send(data("a")).unwrap();
        for _ in 0..frames_read {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        assert_eq!((counted(&circuit), circuit.state()), (DROPPED, State::Closed));
    }
}

/// Some callers don't poll the body after the last frame. So the call ends with that frame if the
/// body reports its end, or has the announced length.
#[tokio::test]
async fn a_complete_body_ends_without_another_poll() {
    let whole = circuit();
    let mut body = through(&whole, Request::get("/"), Response::new(Full::<Bytes>::from("all"))).await;
    assert_eq!(counted(&whole), NONE);
    body.frame().await.unwrap().unwrap();
    assert_eq!(counted(&whole), SUCCESS, "it reports its end");

    let announced = circuit();
    let (frames, mut body) = begun(&announced, Response::builder().header("content-length", "3")).await;
    frames.send(data("al")).unwrap();
    frames.send(data("l")).unwrap();
    body.frame().await.unwrap().unwrap();
    assert_eq!(counted(&announced), NONE);
    body.frame().await.unwrap().unwrap();
    assert_eq!(counted(&announced), SUCCESS, "this was announced");

    let trailed = circuit();
    let (frames, mut body) = begun(&trailed, Response::builder()).await;
    frames.send(Ok(Frame::trailers(HeaderMap::new()))).unwrap();
    body.frame().await.unwrap().unwrap();
    assert_eq!(counted(&trailed), SUCCESS, "trailers are the last");
}

#[tokio::test]
async fn a_response_without_a_body_ends_with_its_head() {
    for (request, status) in [(Request::head("/"), 200), (Request::get("/"), 204), (Request::get("/"), 304)] {
        let circuit = circuit();
        let (_frames, body) = Streamed::new();
        let response = Response::builder().status(status).header("content-length", "7").body(body).unwrap();
        drop(through(&circuit, request, response).await);
        assert_eq!(counted(&circuit), SUCCESS, "{status}");
    }
    let empty = circuit();
    drop(through(&empty, Request::get("/"), Response::new(Full::<Bytes>::default())).await);
    assert_eq!(counted(&empty), SUCCESS);
}

#[tokio::test]
async fn a_failing_head_is_a_failure_at_once() {
    let circuit = circuit();
    let (_frames, body) = begun(&circuit, Response::builder().status(503)).await;
    assert_eq!((counted(&circuit), circuit.state()), (FAILURE, State::Open));
    drop(body);
    assert_eq!(counted(&circuit), FAILURE);
}

#[tokio::test]
async fn a_panic_of_the_body_is_a_failure_another_panic_is_not() {
    struct Panics;
    impl Body for Panics {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("of the body")
        }
    }
    let within = circuit();
    let mut body = through(&within, Request::get("/"), Response::new(Panics)).await;
    let mut cx = Context::from_waker(std::task::Waker::noop());
    catch_unwind(AssertUnwindSafe(|| Pin::new(&mut body).poll_frame(&mut cx).is_ready())).unwrap_err();
    assert_eq!(counted(&within), FAILURE);

    let beside = circuit();
    let (_frames, body) = begun(&beside, Response::builder()).await;
    catch_unwind(AssertUnwindSafe(move || {
        let _body = body;
        panic!("of the caller");
    }))
    .unwrap_err();
    assert_eq!(counted(&beside), DROPPED);
}

/// The rule for slow calls measures the time until the end of the body.
#[tokio::test]
async fn a_call_is_as_slow_as_its_body() {
    let clock = ManualClock::new();
    let window = Window::count(10).unwrap().minimum(1).unwrap();
    let slow =
        TripRule::SlowCallRate { longer_than: Duration::from_secs(1), share: tower_recourse::Ratio::HALF, window };
    let circuit =
        Circuit::new(BreakerConfig::http().fixed_share().open_when(slow).clock(clock.clone()).without_observers());
    let (frames, mut body) = begun(&circuit, Response::builder()).await;
    clock.advance(Duration::from_secs(2));
    assert_eq!(circuit.state(), State::Closed);
    drop(frames);
    assert!(body.frame().await.is_none());
    assert_eq!(circuit.state(), State::Open);
}

/// A probe ends when its response body ends.
#[tokio::test]
async fn a_probe_closes_the_circuit_with_the_end_of_its_body() {
    let clock = ManualClock::new();
    let config = BreakerConfig::http()
        .fixed_share()
        .open_when(TripRule::consecutive(1).unwrap())
        .clock(clock.clone())
        .without_observers();
    for (breaks, state) in [(false, State::Closed), (true, State::Open)] {
        let circuit = Circuit::new(config.clone());
        circuit.try_acquire().unwrap().failure();
        clock.advance(Duration::from_secs(30));
        let (frames, mut body) = begun(&circuit, Response::builder()).await;
        assert_eq!(circuit.state(), State::HalfOpen);
        assert!(circuit.try_acquire().is_err(), "the only probe is running");
        if breaks {
            frames.send(Err(io::Error::other("reset"))).unwrap();
        }
        drop(frames);
        let _ = body.frame().await;
        assert_eq!(circuit.state(), state);
    }
}

#[tokio::test]
async fn a_rejecting_body_breaker_does_not_poll_the_service() {
    let circuit = circuit();
    circuit.force_open();
    let (mock, handle) = tower_test::mock::pair::<Request<()>, Response<Full<Bytes>>>();
    // The inner service isn't ready. An open breaker doesn't poll it.
    let mut handle = handle;
    handle.allow(0);
    let mut service = tokio_test::task::spawn(BodyBreakerLayer::on(&circuit).layer(mock.clone()));
    assert!(assert_ready!(service.enter(|cx, mut service| service.poll_ready(cx))).is_ok());
    let rejected = service.call(Request::new(())).await.unwrap_err();
    assert!(matches!(rejected, BreakerError::Rejected(_)));

    let answered = BodyBreakerLayer::on(&circuit)
        .on_rejection(Unavailable)
        .layer(Scripted::new(|_| empty_response(200)).service());
    let answered = answered.oneshot(Request::new(())).await.unwrap();
    assert_eq!(answered.status(), 503);
    assert!(!answered.into_body().collect().await.unwrap().to_bytes().is_empty());
    assert_eq!((circuit.stats().total_rejected, counted(&circuit)), (2, NONE));

    let mut waiting = tokio_test::task::spawn(BodyBreakerLayer::on(&circuit).wait_when_open().layer(mock));
    assert_pending!(waiting.enter(|cx, mut service| Service::<Request<()>>::poll_ready(&mut *service, cx)));
}

#[tokio::test]
async fn a_readiness_error_is_the_outcome_of_the_call() {
    let circuit = circuit();
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<Full<Bytes>>>();
    let mut service = BodyBreakerLayer::on(&circuit).layer(mock);
    handle.send_error("not now");
    let error = service.ready().await.unwrap().call(Request::new(())).await.unwrap_err();
    assert!(matches!(error, BreakerError::Inner(_)));
    assert_eq!(counted(&circuit), FAILURE);
}

/// The body breaker counts the rejection of an inner breaker as neutral, and an outer retry doesn't
/// repeat it. A body breaker and a `BreakerLayer` may also share one circuit.
#[tokio::test(start_paused = true)]
async fn the_body_breaker_cooperates_with_other_layers() {
    let (outer, inner) = (circuit(), circuit());
    inner.force_open();
    let server = Scripted::new(|_| empty_response(200));
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        .layer(BodyBreakerLayer::on(&outer))
        .layer(BreakerLayer::on(&inner).on_rejection(Unavailable))
        .service(server.service());
    let answered = stack.oneshot(Request::get("/").body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    assert_eq!((answered.status().as_u16(), inner.stats().total_rejected, server.calls()), (503, 1, 0));
    assert_eq!(counted(&outer), (0, 0, 1, 0));

    let shared = circuit();
    let by_head = BreakerLayer::on(&shared).layer(Scripted::new(|_| empty_response(503)).service::<()>());
    by_head.oneshot(Request::new(())).await.unwrap();
    let by_body = BodyBreakerLayer::on(&shared).layer(server.service::<()>());
    assert!(matches!(by_body.oneshot(Request::new(())).await, Err(BreakerError::Rejected(_))));
}

/// The error type stays `Infallible`, as axum requires.
#[tokio::test]
async fn a_body_breaker_works_around_a_router() {
    let circuit = circuit();
    let app = axum::Router::new()
        .route("/", axum::routing::get(|| async { "yes" }))
        .layer(BodyBreakerLayer::on(&circuit).on_rejection(Unavailable));
    let get = || Request::get("/").body(axum::body::Body::empty()).unwrap();
    let answered = app.clone().oneshot(get()).await.unwrap();
    assert_eq!(counted(&circuit), NONE);
    assert_eq!(answered.into_body().collect().await.unwrap().to_bytes(), "yes");
    assert_eq!(counted(&circuit), SUCCESS);
    circuit.force_open();
    assert_eq!(app.oneshot(get()).await.unwrap().status(), 503);
}

#[tokio::test]
async fn a_tracked_body_keeps_its_size_hint() {
    let circuit = circuit();
    let whole = Response::new(Full::new(Bytes::from("whole")));
    let mut body = through(&circuit, Request::get("/"), whole).await;
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
    assert!(format!("{body:?}").contains("recorded: false"));
    body.frame().await.unwrap().unwrap();
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
    assert!(format!("{body:?}").contains("recorded: true"));
    let service = BodyBreakerLayer::on(&circuit).layer("a service");
    assert!(format!("{service:?}").contains("a service"));
}
