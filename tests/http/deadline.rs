//! `DeadlineLayer`: the deadline of a request, in paused time.

use std::{
    convert::Infallible,
    future::pending,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, CallReport, Cause, Circuit, Elapsed, FallbackLayer, RetryLayer,
    fallback::PrimaryFailure,
    http::{Deadline, DeadlineLayer, ReportExtensionLayer, StatusClassifier, Unavailable},
    retry::{NoTimeouts, Timeouts},
};

use crate::{Answer, config, empty_response};

type Call = Request<Full<Bytes>>;

/// The time that each request had left.
type TimesLeft = Arc<Mutex<Vec<Option<Duration>>>>;

const SECOND: Duration = Duration::from_secs(1);

fn call() -> Call {
    Request::get("/").body(Full::default()).unwrap()
}

fn call_within(time: Duration) -> Call {
    Request::get("/").extension(Deadline::after(time)).body(Full::default()).unwrap()
}

/// A service that never answers, and records how much time its requests have left.
fn hanging() -> (TimesLeft, impl Service<Call, Response = Answer, Error = Infallible, Future: Send> + Clone) {
    let left = Arc::new(Mutex::new(Vec::new()));
    let log = left.clone();
    let service = service_fn(move |request: Call| {
        log.lock().unwrap().push(request.extensions().get().map(Deadline::remaining));
        pending::<Result<Answer, Infallible>>()
    });
    (left, service)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_ends_with_a_504_at_the_deadline() {
    let (left, service) = hanging();
    let service = ServiceBuilder::new().layer(ReportExtensionLayer).layer(DeadlineLayer::new(SECOND)).service(service);
    let start = Instant::now();
    let response = service.oneshot(call()).await.unwrap();
    assert_eq!((response.status().as_u16(), start.elapsed()), (504, SECOND));
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let report: &CallReport = response.extensions().get().unwrap();
    assert_eq!(report.cause(), Some(Cause::Deadline));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(br#"{"type":"about:blank","title":"Gateway Timeout","status":504"#));
    assert_eq!(*left.lock().unwrap(), [Some(SECOND)]);
}

#[tokio::test(start_paused = true)]
async fn the_earlier_deadline_applies() {
    for (own, expected) in
        [(500, 500), (2_000, 1_000)].map(|(a, b)| (Duration::from_millis(a), Duration::from_millis(b)))
    {
        let (left, service) = hanging();
        let start = Instant::now();
        let response = DeadlineLayer::new(SECOND).layer(service).oneshot(call_within(own)).await.unwrap();
        assert_eq!((response.status().as_u16(), start.elapsed()), (504, expected));
        assert_eq!(*left.lock().unwrap(), [Some(expected)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reserve_is_at_most_half_of_what_is_left() {
    for (own, expected) in [(10_000, 9_000), (2_000, 1_000), (500, 250), (0, 0)] {
        let (left, service) = hanging();
        let start = Instant::now();
        let request = call_within(Duration::from_millis(own));
        let response = DeadlineLayer::reserve(SECOND).layer(service).oneshot(request).await.unwrap();
        let expected = Duration::from_millis(expected);
        assert_eq!((response.status().as_u16(), start.elapsed()), (504, expected));
        assert_eq!(*left.lock().unwrap(), [Some(expected)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reserve_does_not_limit_a_call_without_deadline() {
    let slow = service_fn(|request: Call| async move {
        assert!(request.extensions().get::<Deadline>().is_none());
        tokio::time::sleep(100 * SECOND).await;
        Ok::<_, Infallible>(empty_response(200))
    });
    let response = DeadlineLayer::reserve(SECOND).layer(slow).oneshot(call()).await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_after_its_deadline_is_not_sent() {
    let (left, service) = hanging();
    let late = call_within(Duration::from_millis(1));
    tokio::time::advance(SECOND).await;
    let service = ServiceBuilder::new().layer(ReportExtensionLayer).layer(DeadlineLayer::new(SECOND)).service(service);
    let response = service.oneshot(late).await.unwrap();
    assert_eq!(response.status(), 504);
    assert_eq!(response.extensions().get::<CallReport>().unwrap().cause(), Some(Cause::Deadline));
    assert!(left.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_outcome_can_be_an_error_or_none() {
    let failing = DeadlineLayer::new(SECOND).on_timeout(|elapsed: Elapsed| Err::<Answer, _>(io::Error::from(elapsed)));
    let hangs = service_fn(|_: Call| pending::<Result<Answer, io::Error>>());
    let error = failing.layer(hangs).oneshot(call()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "the request didn't finish within 1s");

    for request in [call(), call_within(Duration::ZERO)] {
        let slow = service_fn(|_: Call| async {
            tokio::time::sleep(10 * SECOND).await;
            Ok::<_, Infallible>(empty_response(200))
        });
        tokio::time::advance(SECOND).await;
        let unlimited = DeadlineLayer::new(SECOND).timeout_outcome(NoTimeouts).layer(slow);
        assert_eq!(unlimited.oneshot(request).await.unwrap().status(), 200);
    }
}

/// The time that the attempts leave is the fallback's, and the outermost deadline limits both.
#[tokio::test(start_paused = true)]
async fn a_fallback_has_the_reserved_time() {
    for (takes, status, total) in [(500, 200, 9_500), (1_500, 504, 10_000)] {
        let (left, service) = hanging();
        let fallback =
            FallbackLayer::with_request(move |request: Call, failure: PrimaryFailure<'_, Answer, Infallible>| {
                assert_eq!(failure.cause, Cause::Deadline);
                assert_eq!(request.extensions().get().map(Deadline::remaining), Some(SECOND));
                async move {
                    tokio::time::sleep(Duration::from_millis(takes)).await;
                    Ok::<_, Infallible>(empty_response(200))
                }
            });
        let limits = Timeouts::attempt(2 * SECOND).on_timeout(|_: Elapsed| Ok(empty_response(504)));
        let service = ServiceBuilder::new()
            .layer(DeadlineLayer::new(10 * SECOND))
            .layer(fallback.classifier(StatusClassifier::default()))
            .layer(DeadlineLayer::reserve(SECOND))
            .layer(RetryLayer::new(config().retries(100).timeouts(limits)))
            .service(service);
        let start = Instant::now();
        let response = service.oneshot(call()).await.unwrap();
        assert_eq!((response.status().as_u16(), start.elapsed()), (status, Duration::from_millis(total)));
        let left = left.lock().unwrap();
        assert_eq!(left.len(), 5);
        assert!(left.iter().all(|left| left.unwrap() <= 2 * SECOND), "{left:?}");
    }
}

/// A breaker counts a call that the deadline cuts off as a failure, and not as cancelled.
#[tokio::test(start_paused = true)]
async fn a_breaker_inside_counts_a_failure() {
    let circuit = Circuit::new(BreakerConfig::http().without_observers().count_all_calls());
    let (_, service) = hanging();
    let service = ServiceBuilder::new()
        .layer(DeadlineLayer::new(SECOND))
        .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
        .service(service);
    assert_eq!(service.clone().oneshot(call()).await.unwrap().status(), 504);
    assert_eq!((circuit.stats().total_failures, circuit.stats().total_dropped), (1, 0));
    // The caller's own drop is a cancelled call.
    let dropped = tokio::time::timeout(SECOND / 2, service.oneshot(call())).await;
    assert!(dropped.is_err());
    assert_eq!((circuit.stats().total_failures, circuit.stats().total_dropped), (1, 1));
}

/// A panic in the call or in the outcome doesn't affect the next call of the same task.
#[tokio::test(start_paused = true)]
async fn a_panic_leaves_nothing_behind() {
    let circuit = Circuit::new(BreakerConfig::http().without_observers().count_all_calls());
    let panics = DeadlineLayer::new(SECOND).layer(service_fn(|_: Call| async {
        tokio::task::yield_now().await;
        if true {
            panic!("by the test")
        }
        Ok::<_, Infallible>(empty_response(200))
    }));
    assert!(tokio::spawn(panics.oneshot(call())).await.unwrap_err().is_panic());
    let (_, service) = hanging();
    let outcome =
        DeadlineLayer::new(SECOND).on_timeout(|_: Elapsed| -> Result<Answer, Infallible> { panic!("by the test") });
    assert!(tokio::spawn(outcome.layer(service).oneshot(call())).await.unwrap_err().is_panic());

    let (_, service) = hanging();
    let service = BreakerLayer::on(&circuit).on_rejection(Unavailable).layer(service);
    assert!(tokio::time::timeout(SECOND, service.oneshot(call())).await.is_err());
    assert_eq!((circuit.stats().total_failures, circuit.stats().total_dropped), (0, 1));
}
