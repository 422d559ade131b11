//! A retry around a breaker that responds to rejected calls with a marked response. The retry waits
//! out short rejections.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use tokio::time::Instant;
use tower::{Layer, ServiceBuilder};
use tower_recourse::{
    BreakerConfig, BreakerLayer, CallReport, Circuit, Rejection, RetryConfig, RetryLayer, State,
    breaker::{OpenDuration, TripRule},
    http::{ReportExtensionLayer, StatusClassifier, Unavailable, mark_rejection, rejection},
    retry::{Backoff, RejectedRetry, RejectionWait},
};

use crate::{Answer, Scripted, empty_response, status};

const MS: Duration = Duration::from_millis(1);

/// A breaker that opens at the first failure for this duration.
fn breaker(open_for: Duration) -> BreakerConfig<StatusClassifier> {
    let rule = TripRule::consecutive(1).unwrap();
    BreakerConfig::http().open_when(rule).open_for(OpenDuration::fixed(open_for)).without_observers()
}

fn opened(open_for: Duration) -> Circuit<StatusClassifier> {
    let circuit = Circuit::new(breaker(open_for));
    circuit.report_failure();
    assert_eq!(circuit.state(), State::Open);
    circuit
}

fn post(path: &'static str) -> Request<Full<Bytes>> {
    Request::post(path).body(Full::from("body")).unwrap()
}

/// Whether the wait took the open duration of 100 ms plus 10 to 100 ms of jitter. tokio's timer
/// rounds up to a millisecond.
fn waited_out(begun: Instant) -> bool {
    (110 * MS..=201 * MS).contains(&begun.elapsed())
}

/// The `Retry-After` of the response is in whole seconds. The response also carries the rejection
/// with the exact time, and the retry waits for that time.
#[tokio::test(start_paused = true)]
async fn a_marked_503_is_waited_out_for_any_method() {
    let circuit = opened(100 * MS);
    let server = Scripted::new(|_| empty_response(200));
    let stack = RetryLayer::new(RetryConfig::http().without_observers())
        .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable).layer(server.service()));
    let begun = Instant::now();
    assert_eq!(status(stack, post("/")).await, StatusCode::OK);
    assert!(waited_out(begun), "{:?}", begun.elapsed());
    assert_eq!((server.calls(), circuit.stats().total_rejected, circuit.state()), (1, 1, State::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_response_marked_by_hand_is_waited_out() {
    let circuit = opened(100 * MS);
    let server = Scripted::new(|_| empty_response(200));
    let breaker = BreakerLayer::on(&circuit).respond_when_open(|rejection: &Rejection| -> Answer {
        let mut response = empty_response(503);
        mark_rejection(&mut response, rejection.clone());
        response
    });
    let stack = RetryLayer::new(RetryConfig::http().without_observers()).layer(breaker.layer(server.service()));
    let begun = Instant::now();
    assert_eq!(status(stack, post("/")).await, StatusCode::OK);
    assert!(waited_out(begun), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_unmarked_503_is_not_waited_out() {
    let server = Scripted::new(|call| {
        let mut response = empty_response(if call == 0 { 503 } else { 200 });
        response.headers_mut().insert(header::RETRY_AFTER, 0.into());
        response
    });
    let stack = RetryLayer::new(RetryConfig::http().without_observers()).layer(server.service());
    assert_eq!(status(stack, post("/")).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_longer_rejection_is_returned_at_once() {
    for (open_for, wait) in [(251 * MS, RejectionWait::default()), (100 * MS, RejectionWait::NONE)] {
        let server = Scripted::new(|_| empty_response(200));
        let breaker = BreakerLayer::on(&opened(open_for)).on_rejection(Unavailable);
        let config = RetryConfig::http().wait_out_rejections(wait).without_observers();
        let stack = RetryLayer::new(config).layer(breaker.layer(server.service()));
        let begun = Instant::now();
        let response = stack.oneshot(post("/")).await.unwrap();
        assert_eq!((response.status(), begun.elapsed()), (StatusCode::SERVICE_UNAVAILABLE, Duration::ZERO));
        assert!(rejection(&response).is_some());
        assert_eq!(server.calls(), 0);
    }
}

/// The retry's first failure opens the circuit, and its second attempt is rejected.
#[tokio::test(start_paused = true)]
async fn a_rejected_retry_waits_and_stays_the_same_attempt() {
    let circuit = Circuit::new(breaker(100 * MS));
    let server = Scripted::new(|call| empty_response(if call == 0 { 502 } else { 200 }));
    let retry = RetryConfig::http().retries(1).backoff(Backoff::fixed(20 * MS)).without_observers();
    let stack = ServiceBuilder::new()
        .layer(ReportExtensionLayer)
        .layer(RetryLayer::new(retry))
        .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
        .service(server.service());
    let get = Request::get("/").body(Full::<Bytes>::default()).unwrap();
    let response = stack.oneshot(get).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.extensions().get::<CallReport>().map(CallReport::attempts), Some(2));
    assert_eq!((server.calls(), circuit.stats().total_rejected), (2, 1));
    let gap = server.first_gap().unwrap();
    assert!((110 * MS..=202 * MS).contains(&gap), "{gap:?}");
}

/// The retry's first failure opens the circuit, and the breaker rejects the second attempt with a
/// marked 503.
#[tokio::test(start_paused = true)]
async fn a_rejected_retry_returns_the_last_response() {
    for (setting, expected, cause, attempts) in [
        (RejectedRetry::ReturnLastError, 503, "rejected", 2),
        (RejectedRetry::ReturnLastOutcome, 502, "retry_rejected", 1),
    ] {
        let circuit = Circuit::new(breaker(10_000 * MS));
        let server = Scripted::new(|_| empty_response(502));
        let retry = RetryConfig::http().backoff(Backoff::none()).without_observers();
        let stack = ServiceBuilder::new()
            .layer(ReportExtensionLayer)
            .layer(RetryLayer::new(retry.on_rejected_retry(setting)))
            .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
            .service(server.service());
        let get = Request::get("/").body(Full::<Bytes>::default()).unwrap();
        let response = stack.oneshot(get).await.unwrap();
        let report = response.extensions().get::<CallReport>().unwrap();
        assert_eq!((response.status().as_u16(), report.attempts()), (expected, attempts));
        assert_eq!(report.cause().unwrap().label(), cause);
        assert_eq!(rejection(&response).is_some(), expected == 503);
        assert_eq!(server.calls(), 1);
    }
}

#[cfg(feature = "keyed")]
#[tokio::test(start_paused = true)]
async fn a_keyed_circuits_marked_503_is_waited_out() {
    let layer =
        BreakerLayer::keyed(breaker(100 * MS), |request: &Request<Full<Bytes>>| request.uri().path().to_owned())
            .on_rejection(Unavailable);
    let circuits = layer.circuits().clone();
    circuits.get(&"/down".to_owned()).report_failure();
    let server = Scripted::new(|_| empty_response(200));
    let stack = RetryLayer::new(RetryConfig::http().without_observers()).layer(layer.layer(server.service()));

    let begun = Instant::now();
    assert_eq!(status(stack.clone(), post("/up")).await, StatusCode::OK);
    assert_eq!(begun.elapsed(), Duration::ZERO, "another key's call doesn't wait");
    assert_eq!(status(stack, post("/down")).await, StatusCode::OK);
    assert!(waited_out(begun), "{:?}", begun.elapsed());
    assert_eq!((server.calls(), circuits.get(&"/down".to_owned()).state()), (2, State::Closed));
}
