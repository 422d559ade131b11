//! The status that the caller gets after each kind of time limit, and after a rejection, around a
//! tonic channel whose server never answers.

use std::time::Duration;

use tonic::{Code, Request, Status, transport::Endpoint};
use tower::{Service, ServiceBuilder};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, RetryLayer,
    grpc::{DeadlineExceeded, DeadlineStatusLayer, PeekLayer, Unavailable},
    retry::Timeouts,
};

use crate::{
    channel, config,
    greeter::greeter_client::GreeterClient,
    in_time, name,
    scripted_service::{Fate::Never, Host},
};

const SHORT: Duration = Duration::from_millis(100);

/// Calls the service once. `limit` is the deadline of the call.
async fn call<S>(stack: S, limit: Option<Duration>) -> Status
where
    S: Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<tower_recourse::grpc::peek::PeekedBody<tonic::body::Body>>,
            Error: Into<Box<dyn std::error::Error + Send + Sync>>,
            Future: Send,
        > + Send,
{
    let mut request = Request::new(name("Ann"));
    if let Some(limit) = limit {
        request.set_timeout(limit);
    }
    in_time(GreeterClient::new(stack).greet(request)).await.unwrap_err()
}

#[tokio::test]
async fn an_attempt_limit_of_the_retry_is_deadline_exceeded() {
    let (serving, host) = Host::playing(&[Never]).await;
    let limits = Timeouts::attempt(SHORT).timeout_outcome(DeadlineExceeded);
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(config().timeouts(limits)))
        .layer(DeadlineStatusLayer)
        .layer(PeekLayer::new())
        .service(channel(serving.address));
    assert_eq!(call(stack, None).await.code(), Code::DeadlineExceeded);
    assert_eq!(host.attempts(), 1);
}

#[tokio::test]
async fn the_deadline_status_layer_turns_cancelled_into_its_status() {
    let (serving, _host) = Host::playing(&[Never]).await;
    let with = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        .layer(DeadlineStatusLayer)
        .layer(PeekLayer::new())
        .service(channel(serving.address));
    assert_eq!(call(with, Some(SHORT)).await.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn an_endpoint_timeout_is_cancelled_for_the_caller() {
    let (serving, _host) = Host::playing(&[Never]).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", serving.address)).unwrap().timeout(SHORT);
    let circuit = Circuit::new(BreakerConfig::grpc().without_observers());
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable))
        .layer(DeadlineStatusLayer)
        .layer(PeekLayer::new())
        .service(endpoint.connect_lazy());
    assert_eq!(call(stack, None).await.code(), Code::Cancelled);
    assert_eq!(circuit.stats().total_failures, 1, "the layers classify it as DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn only_a_breaker_with_unavailable_rejects_with_a_status() {
    let circuit = Circuit::new(BreakerConfig::grpc().without_observers());
    circuit.force_open();
    let unused = || channel(([127, 0, 0, 1], 1).into());
    let stack = ServiceBuilder::new().layer(BreakerLayer::on(&circuit)).layer(PeekLayer::new()).service(unused());
    assert_eq!(call(stack, None).await.code(), Code::Unknown);
    let breaker = BreakerLayer::on(&circuit).on_rejection(Unavailable);
    let stack = ServiceBuilder::new().layer(breaker).layer(PeekLayer::new()).service(unused());
    assert_eq!(call(stack, None).await.code(), Code::Unavailable);
}
