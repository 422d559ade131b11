//! Layers on an axum router, whose error type stays `Infallible`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, body::Body, extract::State, http::StatusCode, routing::post};
use http::Request;
use http_body_util::BodyExt;
use tower::{ServiceBuilder, ServiceExt};
use tower_recourse::{
    BreakerConfig, BreakerLayer, CallReport, Circuit, RetryLayer,
    breaker::TripRule,
    http::{ReportExtensionLayer, Unavailable},
};

use crate::config;
use crate::fixed_numbers::FixedNumbers as _;

/// Fails the first time, and then returns the request's body.
async fn flaky(State(calls): State<Arc<AtomicUsize>>, body: String) -> Result<String, StatusCode> {
    if calls.fetch_add(1, Ordering::SeqCst) == 0 { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(body) }
}

fn put(body: impl Into<Body>) -> Request<Body> {
    Request::put("/echo").body(body.into()).unwrap()
}

fn app(calls: &Arc<AtomicUsize>) -> Router {
    Router::new().route("/echo", post(flaky).put(flaky).get(flaky)).with_state(calls.clone())
}

#[tokio::test(start_paused = true)]
async fn a_router_retries_with_the_body() {
    let calls = Arc::default();
    let app = app(&calls).layer(RetryLayer::new(config()));
    let chunks = in_chunks(["hello, ", "body"]);
    let response = app.oneshot(put(chunks)).await.unwrap();
    assert_eq!((response.status(), calls.load(Ordering::SeqCst)), (StatusCode::OK, 2));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello, body");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_503_with_retry_after_and_a_problem_body() {
    let circuit = Circuit::new(
        BreakerConfig::http().fixed_share().open_when(TripRule::consecutive(1).unwrap()).without_observers(),
    );
    let calls = Arc::default();
    let app = app(&calls)
        .route("/other", post(|| async { "never" }))
        .layer(ServiceBuilder::new().layer(BreakerLayer::on(&circuit).on_rejection(Unavailable)));
    let first = app.clone().oneshot(put("x")).await.unwrap();
    assert_eq!((first.status(), calls.load(Ordering::SeqCst)), (StatusCode::SERVICE_UNAVAILABLE, 1));

    // All routes share one breaker.
    let rejected = app.oneshot(Request::post("/other").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&rejected.headers()["content-type"], &rejected.headers()["retry-after"]),
        (&"application/problem+json".parse().unwrap(), &"30".parse::<http::HeaderValue>().unwrap())
    );
    let body = rejected.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        std::str::from_utf8(&body).unwrap(),
        r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the service is not called for now"}"#
    );
    assert_eq!(circuit.stats().total_rejected, 1);
}

/// An axum router is always ready. It polls its layers ready only when it has a request, so the
/// request waits until the breaker is ready.
#[tokio::test(start_paused = true)]
async fn a_breaker_that_is_not_ready_keeps_its_requests_waiting() {
    let circuit = Circuit::new(
        BreakerConfig::http().fixed_share().open_when(TripRule::consecutive(1).unwrap()).without_observers(),
    );
    circuit.try_acquire().unwrap().failure();
    let calls = Arc::new(AtomicUsize::new(1));
    let app = app(&calls).layer(BreakerLayer::on(&circuit).wait_when_open());
    let begun = tokio::time::Instant::now();
    assert_eq!(app.oneshot(put("x")).await.unwrap().status(), StatusCode::OK);
    assert_eq!((begun.elapsed().as_secs(), circuit.state()), (30, tower_recourse::State::Closed));
}

#[tokio::test(start_paused = true)]
async fn the_breakers_own_response_is_not_retried() {
    let circuit = Circuit::new(
        BreakerConfig::http().fixed_share().open_when(TripRule::consecutive(1).unwrap()).without_observers(),
    );
    circuit.try_acquire().unwrap().failure();
    let calls = Arc::default();
    let app = app(&calls).layer(
        ServiceBuilder::new()
            .layer(RetryLayer::new(config()))
            .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable)),
    );
    assert_eq!(app.oneshot(put("x")).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((circuit.stats().total_rejected, calls.load(Ordering::SeqCst)), (1, 0));
}

fn in_chunks(chunks: [&'static str; 2]) -> Body {
    struct Chunks(std::array::IntoIter<&'static str, 2>);
    impl http_body::Body for Chunks {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
            std::task::Poll::Ready(self.0.next().map(|chunk| Ok(http_body::Frame::data(chunk.into()))))
        }
    }
    Body::new(Chunks(chunks.into_iter()))
}

#[tokio::test(start_paused = true)]
async fn a_response_has_its_report_in_an_extension() {
    let calls = Arc::new(AtomicUsize::new(0));
    let app = app(&calls).layer(ServiceBuilder::new().layer(ReportExtensionLayer).layer(RetryLayer::new(config())));
    let hows = async |app: Router| *app.oneshot(put("x")).await.unwrap().extensions().get::<CallReport>().unwrap();
    assert_eq!(hows(app.clone()).await.attempts(), 2);
    assert_eq!(hows(app.clone()).await, CallReport::default());
    // A `ReportExtensionLayer` around the first one sees the same report.
    calls.store(0, Ordering::SeqCst);
    assert_eq!(hows(app.layer(ReportExtensionLayer)).await.attempts(), 2);
}
