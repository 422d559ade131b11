//! Responses that are returned when their body has begun. The tests on sockets are in
//! `wire_faults`.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, service_fn};
use tower_recourse::{
    BreakerConfig, Circuit, Classifier, Delivery, Elapsed, RetryLayer, Verdict,
    http::{
        BodyBreakerLayer, Deadline, FirstFrameLayer, StatusClassifier,
        first_frame::{FirstFrameBody, failed_before_first_frame},
    },
    retry::Timeouts,
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{config, replay_bodies::data, replay_edge_cases::Streamed};

async fn through(request: Request<()>, response: Response<Streamed>) -> Response<FirstFrameBody<Streamed>> {
    let mut response = Some(response);
    let server = service_fn(move |_: Request<()>| std::future::ready(Ok::<_, Infallible>(response.take().unwrap())));
    FirstFrameLayer::new().layer(server).oneshot(request).await.unwrap()
}

#[test]
fn a_successful_head_waits_for_its_first_frame() {
    let (frames, body) = Streamed::new();
    let mut answering = task::spawn(through(Request::new(()), Response::new(body)));
    assert_pending!(answering.poll());
    frames.send(data("first")).unwrap();
    assert!(answering.is_woken());
    let answer = assert_ready!(answering.poll());
    assert!(!failed_before_first_frame(&answer));
    let mut body = task::spawn(answer.into_body());
    assert_eq!((body.size_hint().lower(), body.is_end_stream()), (5, false));
    frames.send(Ok(Frame::trailers(HeaderMap::new()))).unwrap();
    drop(frames);
    let mut next = || assert_ready!(body.enter(|cx, body| body.poll_frame(cx)));
    assert_eq!(next().unwrap().unwrap().into_data().unwrap(), "first");
    assert!(next().unwrap().unwrap().is_trailers());
    assert!(next().is_none());
}

#[test]
fn responses_without_a_first_frame_return_at_once() {
    let upgrade = Request::get("/").header("upgrade", "websocket").body(()).unwrap();
    let connect = Request::builder().method("CONNECT").body(()).unwrap();
    for (request, status) in [(Request::new(()), 503), (Request::new(()), 404), (upgrade, 200), (connect, 200)] {
        let (_frames, body) = Streamed::new();
        let mut answering = task::spawn(through(request, Response::builder().status(status).body(body).unwrap()));
        assert!(!failed_before_first_frame(&assert_ready!(answering.poll())), "{status}");
    }
}

#[tokio::test]
async fn an_empty_body_is_complete() {
    let (frames, body) = Streamed::new();
    drop(frames);
    let answer = through(Request::new(()), Response::new(body)).await;
    assert!(!failed_before_first_frame(&answer) && answer.body().is_end_stream());
    assert_eq!(answer.body().size_hint().exact(), Some(0));
    assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
}

/// If the failed body looked empty, a proxy that uses the layer would forward it as a complete
/// response.
#[tokio::test]
async fn a_failed_body_does_not_look_empty() {
    let (frames, body) = Streamed::new();
    frames.send(Err(io::Error::other("reset"))).unwrap();
    let answer = through(Request::new(()), Response::new(body)).await;
    assert!(failed_before_first_frame(&answer) && answer.status() == 200);
    let mut body = answer.into_body();
    assert!(!body.is_end_stream() && body.size_hint().exact().is_none());
    assert_eq!(body.frame().await.unwrap().unwrap_err().to_string(), "reset");
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn an_empty_body_that_announced_bytes_is_a_failure() {
    let announcing = |length: &str| Response::builder().header("content-length", length);
    for frames_sent in [vec![], vec![data("")], vec![Ok(Frame::trailers(HeaderMap::new()))]] {
        let (frames, body) = Streamed::new();
        frames_sent.into_iter().for_each(|frame| frames.send(frame).unwrap());
        drop(frames);
        let answer = through(Request::new(()), announcing("100").body(body).unwrap()).await;
        assert!(failed_before_first_frame(&answer));
        let mut body = answer.into_body();
        assert!(!body.is_end_stream() && body.size_hint().exact().is_none(), "it doesn't look complete");
        while let Some(frame) = body.frame().await {
            assert!(frame.unwrap().is_trailers());
        }
        assert!(!body.is_end_stream() && body.size_hint().exact().is_none());
    }
    for (method, status, length) in
        [("GET", 200, "0"), ("HEAD", 200, "100"), ("GET", 304, "100"), ("CONNECT", 200, "9")]
    {
        let (frames, body) = Streamed::new();
        drop(frames);
        let request = Request::builder().method(method).body(()).unwrap();
        let answer = through(request, announcing(length).status(status).body(body).unwrap()).await;
        assert!(!failed_before_first_frame(&answer), "{method} {status}");
    }
}

/// The layer doesn't wait for a server that sends empty frames without end.
#[test]
fn empty_frames_without_end_are_passed_on() {
    let (frames, body) = Streamed::new();
    (0..100).for_each(|_| frames.send(data("")).unwrap());
    let mut answering = task::spawn(through(Request::new(()), Response::new(body)));
    assert!(!failed_before_first_frame(&assert_ready!(answering.poll())));
}

/// Makes a request whose attempts get these bodies, one after another; the last one repeats. `None`
/// fails the body. Returns the number of attempts, and the body that the caller gets.
async fn attempts(
    method: &str,
    bodies: &'static [&'static [Option<&'static str>]],
) -> (usize, Result<Bytes, io::Error>) {
    let circuit = Circuit::new(BreakerConfig::http().fixed_share().without_observers().count_all_calls());
    let calls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = calls.clone();
    let server = service_fn(move |_: Request<Full<Bytes>>| {
        let call = counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let (frames, body) = Streamed::new();
        for frame in bodies[call.min(bodies.len() - 1)] {
            frames.send(frame.map_or_else(|| Err(io::Error::other("reset")), data)).unwrap();
        }
        async { Ok::<_, Infallible>(Response::new(body)) }
    });
    let service = BodyBreakerLayer::on(&circuit).layer(FirstFrameLayer::new().layer(server));
    let request = Request::builder().method(method).body(Full::default()).unwrap();
    let answer = RetryLayer::new(config()).layer(service).oneshot(request).await.unwrap();
    let body = answer.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    let calls = calls.load(std::sync::atomic::Ordering::SeqCst);
    let stats = circuit.stats();
    // The body breaker counts every attempt whose body failed as a failure, before the first frame
    // and after it.
    assert_eq!(stats.total_successes, Some(u64::from(body.is_ok())));
    assert_eq!(stats.total_failures, calls as u64 - u64::from(body.is_ok()));
    (calls, body)
}

#[tokio::test(start_paused = true)]
async fn only_failures_before_the_first_frame_are_retried() {
    let (calls, body) = attempts("GET", &[&[None], &[Some("whole")]]).await;
    assert_eq!((calls, body.unwrap()), (2, "whole".into()));
    let (calls, body) = attempts("GET", &[&[Some("half"), None], &[Some("whole")]]).await;
    assert_eq!((calls, body.unwrap_err().to_string()), (1, "reset".to_owned()));
    let (calls, body) = attempts("GET", &[&[None]]).await;
    assert_eq!((calls, body.unwrap_err().to_string()), (3, "reset".to_owned()));
    let (calls, body) = attempts("POST", &[&[None], &[Some("whole")]]).await;
    assert_eq!((calls, body.unwrap_err().to_string()), (1, "reset".to_owned()), "it was sent");
}

/// The classifiers of responses return a failure for a body that failed before it began, although
/// the status is 200.
#[tokio::test]
async fn a_failed_first_frame_is_a_failure_to_every_classifier() {
    fn judged<B, C: Classifier<Request<()>, Response<B>, io::Error>>(classifier: &C, answer: &Response<B>) -> Verdict {
        classifier.classify(&classifier.memo(&Request::new(())), Ok(answer))
    }
    let (frames, body) = Streamed::new();
    frames.send(Err(io::Error::other("reset"))).unwrap();
    let broken = through(Request::new(()), Response::new(body)).await;
    let (frames, body) = Streamed::new();
    frames.send(data("there")).unwrap();
    let whole = through(Request::new(()), Response::new(body)).await;

    let failed = Verdict::transient().delivery(Delivery::Sent);
    assert_eq!(
        (judged(&StatusClassifier::default(), &broken), judged(&StatusClassifier::default(), &whole)),
        (failed, Verdict::Success)
    );
    #[cfg(feature = "tower-http")]
    {
        use tower_http::classify::{ServerErrorsAsFailures, ServerErrorsFailureClass, SharedClassifier};
        let make = SharedClassifier::new(ServerErrorsAsFailures::new());
        let classes =
            tower_recourse::http::TowerHttpClassifier::new(make, |_: &ServerErrorsFailureClass| Verdict::permanent());
        assert_eq!((judged(&classes, &broken), judged(&classes, &whole)), (failed, Verdict::Success));
        let mut request = Request::new(());
        let deadline = Deadline::after(Duration::from_secs(1));
        request.extensions_mut().insert(deadline);
        let judges: &dyn Classifier<_, Response<Full<Bytes>>, io::Error, Memo = _> = &classes;
        assert_eq!(judges.deadline(&judges.memo(&request)), Some(deadline.at()));
        assert!(format!("{classes:?}").contains("TowerHttpClassifier"));
    }
}

/// A body that doesn't begin times out like a head that doesn't arrive.
#[tokio::test(start_paused = true)]
async fn the_time_of_an_attempt_covers_its_first_frame() {
    let calls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = calls.clone();
    let server = service_fn(move |_: Request<Full<Bytes>>| {
        let call = counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        async move {
            let (frames, body) = Streamed::new();
            if call == 0 {
                std::mem::forget(frames);
            } else {
                frames.send(data("there")).unwrap();
            }
            Ok::<_, io::Error>(Response::new(body))
        }
    });
    let limits = Timeouts::attempt(Duration::from_secs(1)).on_timeout(|_: Elapsed| Err(io::ErrorKind::TimedOut.into()));
    let service = RetryLayer::new(config().timeouts(limits)).layer(FirstFrameLayer::new().layer(server));
    let answer = service.oneshot(Request::new(Full::default())).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "there");
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[test]
fn it_is_ready_when_its_service_is() {
    let (mock, mut handle) = tower_test::mock::pair::<Request<()>, Response<Full<Bytes>>>();
    let mut service = FirstFrameLayer::new().layer(mock);
    let mut ready = || task::spawn(std::future::poll_fn(|cx| service.poll_ready(cx))).poll().is_ready();
    handle.allow(0);
    assert!(!ready());
    handle.allow(1);
    assert!(ready());
}
