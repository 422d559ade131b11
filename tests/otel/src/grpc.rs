//! A gRPC call over a socket: the tree, and what the server receives.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_sdk::trace::SpanData;
use tokio::net::TcpListener;
use tonic::{
    Request, Status,
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tonic_health::{
    pb::{HealthCheckRequest, health_client::HealthClient, health_server::HealthServer},
    server::{HealthReporter, HealthService},
};
use tower::ServiceBuilder;
use tower_recourse::{
    RetryConfig, RetryLayer,
    grpc::PeekLayer,
    retry::Backoff,
    spans::{AttemptSpanLayer, RequestSpanLayer},
};
use tracing::Instrument;

use crate::{
    exported::{Trace, events},
    trace_headers,
};

/// The trace parent and the number of previous attempts, per call.
type Received = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// Starts a server that answers the first two calls with UNAVAILABLE.
async fn serve() -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, received) = (format!("http://{}", listener.local_addr().unwrap()), Received::default());
    let log = received.clone();
    let read = move |request: Request<()>| {
        let text = |name| request.metadata().get(name).map(|value| value.to_str().unwrap().to_owned());
        let mut log = log.lock().unwrap();
        log.push((text("traceparent").unwrap(), text("grpc-previous-rpc-attempts")));
        if log.len() < 3 { Err(Status::unavailable("draining")) } else { Ok(request) }
    };
    let service = HealthServer::with_interceptor(HealthService::from_health_reporter(HealthReporter::new()), read);
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    (address, received)
}

#[tokio::test]
async fn the_server_receives_each_attempt_of_a_call() {
    let (trace, (address, received)) = (Trace::start(), serve().await);
    let config = RetryConfig::grpc().backoff(Backoff::fixed(Duration::from_millis(1)));
    let stack = ServiceBuilder::new()
        .layer(RequestSpanLayer::grpc())
        .layer(RetryLayer::new(config))
        .layer(AttemptSpanLayer::grpc())
        .layer(PeekLayer::new())
        .map_request(trace_headers::write_into)
        .service(Endpoint::from_shared(address.clone()).unwrap().connect_lazy());
    let mut client = HealthClient::with_origin(stack, address.parse().unwrap());
    let check = client.check(HealthCheckRequest::default()).instrument(trace.root.clone());
    check.await.unwrap();

    let (unavailable, call) = ("rpc.status_code=UNAVAILABLE error.type=transient", "grpc.health.v1.Health/Check");
    assert_eq!(
        trace.tree(&[
            "resilience.attempt.index",
            "rpc.system.name",
            "rpc.method",
            "server.address",
            "rpc.status_code",
            "error.type",
            "recourse.attempts",
        ]),
        [
            &*format!(
                "{call} Client ok rpc.system.name=grpc rpc.method={call} server.address=127.0.0.1 recourse.attempts=3"
            ),
            &format!("  attempt error(draining) resilience.attempt.index=0 {unavailable}"),
            &format!("  attempt error(draining) resilience.attempt.index=1 {unavailable}"),
            "  attempt resilience.attempt.index=2",
        ]
    );
    let spans = trace.spans();
    assert_eq!(events(&spans[0]).iter().filter(|event| event.starts_with("attempt failed")).count(), 2);

    let received = received.lock().unwrap();
    let previous: Vec<_> = received.iter().map(|(_, previous)| previous.as_deref()).collect();
    assert_eq!(previous, [None, Some("1"), Some("2")]);
    let ids = |span: &SpanData| (span.span_context.trace_id(), span.span_context.span_id());
    let parents: Vec<_> = received.iter().map(|(parent, _)| trace_headers::read(parent)).collect();
    assert_eq!(parents, spans[1..].iter().map(ids).collect::<Vec<_>>());
}
