//! The spans of HTTP requests.

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt, buffer::Buffer, layer::util::Stack};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, RetryLayer,
    http::{StandardLayer, Unavailable},
    spans::{AttemptSpanLayer, RequestSpanLayer},
};

use crate::{
    Scripted, config, empty_response,
    span_tree::{record, tree},
};

const UNAVAILABLE: &str = "recourse.outcome=failure error.type=transient otel.status_code=ERROR";

#[tokio::test(start_paused = true)]
async fn attempts_have_their_resend_count_and_status() {
    record();
    let server = Scripted::new(|call| empty_response(if call < 2 { 503 } else { 200 }));
    let service = ServiceBuilder::new()
        .layer(RequestSpanLayer::http().name("prices"))
        .layer(RetryLayer::new(config()))
        .layer(AttemptSpanLayer::http())
        .service(server.service());
    assert_eq!(service.oneshot(Request::new(Full::<Bytes>::default())).await.unwrap().status(), 200);
    assert_eq!(
        tree(),
        [
            "request otel.name=prices resilience.pipeline.name=prices recourse.attempts=3 recourse.outcome=success \
             otel.status_code=OK",
            &format!("  attempt resilience.attempt.index=0 http.response.status_code=503 {UNAVAILABLE}"),
            &format!(
                "  attempt http.request.resend_count=1 resilience.attempt.index=1 http.response.status_code=503 \
                 {UNAVAILABLE}"
            ),
            "  attempt http.request.resend_count=2 resilience.attempt.index=2 recourse.outcome=success",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_request_has_the_status_of_its_response() {
    record();
    let server = Scripted::new(|_| empty_response(503));
    let service = ServiceBuilder::new()
        .layer(RequestSpanLayer::http().name("prices"))
        .layer(RetryLayer::new(config()))
        .service(server.service());
    assert_eq!(service.oneshot(Request::new(Full::<Bytes>::default())).await.unwrap().status(), 503);
    assert_eq!(
        tree(),
        [format!(
            "request otel.name=prices resilience.pipeline.name=prices recourse.attempts=3 \
             recourse.cause=attempts_exhausted http.response.status_code=503 {UNAVAILABLE}"
        )]
    );
}

/// The request carries the attempt to the task of the buffer.
#[tokio::test(start_paused = true)]
async fn the_index_of_a_resend_passes_a_buffer() {
    record();
    let server = Scripted::new(|call| empty_response(if call == 0 { 503 } else { 200 }));
    let attempts = ServiceBuilder::new().layer(AttemptSpanLayer::http()).service(server.service());
    let service = ServiceBuilder::new()
        .layer(RequestSpanLayer::http())
        .layer(RetryLayer::new(config()))
        .service(Buffer::new(attempts, 4));
    assert_eq!(service.oneshot(Request::new(Full::<Bytes>::default())).await.unwrap().status(), 200);
    let attempts: Vec<_> = tree().into_iter().filter(|line| line.starts_with("  attempt")).collect();
    assert_eq!(
        attempts,
        [
            format!("  attempt http.response.status_code=503 {UNAVAILABLE}"),
            "  attempt resilience.attempt.index=1 http.request.resend_count=1 recourse.outcome=success".into(),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_layers_fit_around_a_router() {
    record();
    let app = Router::new().route("/prices", get(|| async { http::StatusCode::SERVICE_UNAVAILABLE })).layer(
        ServiceBuilder::new()
            .layer(RequestSpanLayer::http().name("prices"))
            .layer(RetryLayer::new(config().retries(1)))
            .layer(AttemptSpanLayer::http()),
    );
    let response = app.oneshot(Request::get("/prices").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 503);
    let lines = tree();
    assert!(lines[0].starts_with("request otel.name=prices") && lines[0].contains("http.response.status_code=503"));
    assert_eq!(lines.iter().filter(|line| line.starts_with("  attempt")).count(), 2, "{lines:#?}");
}

/// The spans of the attempts are around the breaker of the standard stack.
#[tokio::test(start_paused = true)]
async fn the_standard_stack_can_have_spans() {
    record();
    let circuit = Circuit::new(BreakerConfig::http());
    circuit.force_open();
    let breaker = BreakerLayer::on(&circuit).on_rejection(Unavailable);
    let stack = ServiceBuilder::new()
        .layer(RequestSpanLayer::http().name("prices"))
        .layer(StandardLayer::http("prices").breaker_layer(Stack::new(breaker, AttemptSpanLayer::http())));
    let server = Scripted::new(|_| empty_response(200));
    let request = Request::new(Full::<Bytes>::default());
    assert_eq!(stack.service(server.service()).oneshot(request).await.unwrap().status(), 503);
    let lines = tree();
    let failed = "http.response.status_code=503 recourse.outcome=failure error.type=rejected otel.status_code=ERROR";
    assert!(lines[0].contains(failed) && lines[0].contains("recourse.cause=rejected"), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with(&format!("  attempt resilience.attempt.index=0 {failed}"))));
}
