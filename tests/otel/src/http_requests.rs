//! HTTP requests over a socket: the tree, and what the server receives.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use opentelemetry::trace::{SpanKind, Status};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::trace::TraceLayer;
use tower_recourse::{
    RetryConfig, RetryLayer,
    http::resend_count,
    retry::Backoff,
    spans::{AttemptSpanLayer, RequestSpanLayer},
};
use tracing::{Instrument, Span, field::Empty, info_span};

use crate::{
    exported::{Trace, attribute, events},
    trace_headers,
};

/// Answers the first requests with 503, and records the `traceparent` of each.
async fn serve(failures: usize) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, received) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let log = received.clone();
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            let log = log.clone();
            let respond = service_fn(move |request: Request<Incoming>| {
                let mut log = log.lock().unwrap();
                log.push(request.headers()["traceparent"].to_str().unwrap().to_owned());
                let status = if log.len() <= failures { 503 } else { 200 };
                let response = Response::builder().status(status).body(Full::<Bytes>::default()).unwrap();
                async { Ok::<_, Infallible>(response) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), respond));
        }
    });
    (address, received)
}

fn request(address: SocketAddr) -> Request<Full<Bytes>> {
    Request::get(format!("http://{address}/")).body(Full::default()).unwrap()
}

macro_rules! retry {
    ($preset:ident) => {
        RetryLayer::new(
            RetryConfig::$preset().backoff(Backoff::fixed(Duration::from_millis(1))).throttled_backoff(Backoff::none()),
        )
    };
}

#[tokio::test]
async fn the_server_receives_the_span_of_each_attempt() {
    let (trace, (address, received)) = (Trace::start(), serve(2).await);
    let stack = ServiceBuilder::new()
        .layer(RequestSpanLayer::http().name("prices"))
        .layer(retry!(http))
        .layer(AttemptSpanLayer::http())
        .map_request(trace_headers::write_into)
        .service(Client::builder(TokioExecutor::new()).build_http());
    let response = async { stack.oneshot(request(address)).await }.instrument(trace.root.clone()).await;
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(
        trace.tree(&[
            "resilience.attempt.index",
            "http.request.resend_count",
            "http.response.status_code",
            "error.type",
            "recourse.attempts",
            "recourse.outcome",
        ]),
        [
            "prices ok recourse.attempts=3 recourse.outcome=success",
            "  attempt error() resilience.attempt.index=0 http.response.status_code=503 error.type=transient \
             recourse.outcome=failure",
            "  attempt error() resilience.attempt.index=1 http.request.resend_count=1 http.response.status_code=503 \
             error.type=transient recourse.outcome=failure",
            "  attempt resilience.attempt.index=2 http.request.resend_count=2 recourse.outcome=success",
        ]
    );
    let spans = trace.spans();
    assert_eq!(attribute(&spans[0], "resilience.pipeline.name").unwrap(), "prices");
    let retries = events(&spans[0]).iter().filter(|event| event.starts_with("attempt failed")).count();
    assert_eq!(retries, 2, "{:?}", events(&spans[0]));

    let received: Vec<_> = received.lock().unwrap().iter().map(|header| trace_headers::read(header)).collect();
    let ids = |span: &opentelemetry_sdk::trace::SpanData| (span.span_context.trace_id(), span.span_context.span_id());
    assert_eq!(received, spans[1..].iter().map(ids).collect::<Vec<_>>());
    assert!(received[0] != received[1] && received[1] != received[2], "{received:?}");
}

fn client_span<B>(request: &Request<B>) -> Span {
    let span = info_span!("http.request", otel.name = "GET", otel.kind = "client", http.request.resend_count = Empty);
    if let Some(count) = resend_count(request.extensions()) {
        span.record("http.request.resend_count", count);
    }
    span
}

/// OpenTelemetry's CLIENT span of each send, from the user's own layer.
#[tokio::test]
async fn a_client_span_per_send_is_a_child_of_its_attempt() {
    let (trace, (address, received)) = (Trace::start(), serve(1).await);
    let stack = ServiceBuilder::new()
        .layer(RequestSpanLayer::http().name("prices"))
        .layer(retry!(http))
        .layer(AttemptSpanLayer::http())
        .layer(TraceLayer::new_for_http().make_span_with(client_span).on_failure(()))
        .map_request(trace_headers::write_into)
        .service(Client::builder(TokioExecutor::new()).build_http());
    let response = async { stack.oneshot(request(address)).await }.instrument(trace.root.clone()).await;
    // The span of tower-http covers the body.
    drop(response.unwrap());
    assert_eq!(
        trace.tree(&["http.request.resend_count"]),
        [
            "prices ok",
            "  attempt error()",
            "    GET Client",
            "  attempt http.request.resend_count=1",
            "    GET Client http.request.resend_count=1",
        ]
    );
    let spans = trace.spans();
    let sends = spans.iter().filter(|span| span.span_kind == SpanKind::Client);
    let sends: Vec<_> = sends.map(|span| (span.span_context.trace_id(), span.span_context.span_id())).collect();
    let received: Vec<_> = received.lock().unwrap().iter().map(|header| trace_headers::read(header)).collect();
    assert_eq!(received, sends);
}

#[tokio::test]
async fn a_failed_request_is_an_error() {
    let (trace, (address, _)) = (Trace::start(), serve(usize::MAX).await);
    let stack = ServiceBuilder::new()
        .layer(RequestSpanLayer::http().name("prices"))
        .layer(retry!(http))
        .map_request(trace_headers::write_into)
        .service(Client::builder(TokioExecutor::new()).build_http());
    let response = async { stack.oneshot(request(address)).await }.instrument(trace.root.clone()).await;
    assert_eq!(response.unwrap().status(), 503);
    assert_eq!(
        trace.tree(&["recourse.cause", "error.type", "http.response.status_code"]),
        ["prices error() recourse.cause=attempts_exhausted error.type=transient http.response.status_code=503"]
    );
    assert!(matches!(trace.spans()[0].status, Status::Error { .. }));
}

#[tokio::test]
async fn reqwest_has_the_same_spans() {
    let (trace, (address, received)) = (Trace::start(), serve(1).await);
    let client = reqwest::Client::new();
    let stack = ServiceBuilder::new()
        .layer(RequestSpanLayer::reqwest().name("prices"))
        .layer(retry!(reqwest))
        .layer(AttemptSpanLayer::reqwest())
        .map_request(|mut request: reqwest::Request| {
            trace_headers::write(request.headers_mut());
            request
        })
        .service(client.clone());
    let get = client.get(format!("http://{address}/")).build().unwrap();
    let response = async { stack.oneshot(get).await }.instrument(trace.root.clone()).await;
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(
        trace.tree(&["resilience.attempt.index", "recourse.attempts", "http.response.status_code"]),
        [
            "prices ok recourse.attempts=2",
            "  attempt error() resilience.attempt.index=0 http.response.status_code=503",
            "  attempt resilience.attempt.index=1"
        ]
    );
    let ids = |span: &opentelemetry_sdk::trace::SpanData| (span.span_context.trace_id(), span.span_context.span_id());
    let received: Vec<_> = received.lock().unwrap().iter().map(|header| trace_headers::read(header)).collect();
    assert_eq!(received, trace.spans()[1..].iter().map(ids).collect::<Vec<_>>());
}
