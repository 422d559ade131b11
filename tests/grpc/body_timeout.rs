//! Time limits of gRPC streams. The server sends headers or a message, and then nothing.

use std::{error::Error, time::Duration};

use tonic::{Code, Status, Streaming};
use tower::{Layer, ServiceBuilder};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, RetryLayer,
    grpc::{self, PeekLayer, StatusClassifier},
    http::{
        BodyBreakerLayer, BodyTimeoutLayer,
        body_timeout::{BodyElapsed, BodyLimit},
    },
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{
    channel, config,
    greeter::{Greeting, greeter_client::GreeterClient},
    in_time, name,
    scripted_http2::{self, Reply},
};

fn idle(millis: u64) -> BodyTimeoutLayer {
    BodyTimeoutLayer::new().idle(Duration::from_millis(millis)).unwrap()
}

fn circuit() -> Circuit<grpc::StatusClassifier> {
    Circuit::new(BreakerConfig::grpc().fixed_share().without_observers().count_all_calls())
}

/// The limit that ended the call with this status.
fn limit(status: &Status) -> Option<BodyLimit> {
    let mut next = status.source();
    while let Some(error) = next {
        if let Some(elapsed) = error.downcast_ref::<BodyElapsed>() {
            return Some(elapsed.kind());
        }
        next = error.source();
    }
    None
}

async fn end_of(mut greetings: Streaming<Greeting>) -> Status {
    loop {
        if let Err(status) = in_time(greetings.message()).await {
            return status;
        }
    }
}

#[tokio::test]
async fn a_stall_before_the_first_message_fails_for_a_breaker() {
    let (serving, _log) = scripted_http2::serve(&[Reply::HeadersThenHang]).await;
    let circuit = circuit();
    let stack = ServiceBuilder::new().layer(BreakerLayer::on(&circuit)).layer(PeekLayer::new()).layer(idle(50));
    let mut client = GreeterClient::new(stack.service(channel(serving.address)));
    let status = in_time(client.greet(name("Ann"))).await.unwrap_err();
    assert_eq!(limit(&status), Some(BodyLimit::Idle), "{status:?}");
    assert_eq!(circuit.stats().total_failures, 1);
    drop(client);
    // The server waits until its stream is reset.
    serving.ends().await;
}

#[tokio::test]
async fn a_stall_before_the_first_message_is_retried_if_enabled() {
    let deadline_exceeded = StatusClassifier::default().retry_codes([grpc::Code::DeadlineExceeded]);
    for (statuses, attempts) in [(StatusClassifier::default(), 1), (deadline_exceeded, 2)] {
        let (serving, log) = scripted_http2::serve(&[Reply::HeadersThenHang, scripted_http2::OK]).await;
        let retry = RetryLayer::new(config().classifier(statuses));
        let stack = ServiceBuilder::new().layer(retry).layer(PeekLayer::new()).layer(idle(50));
        let mut client = GreeterClient::new(stack.service(channel(serving.address)));
        let response = in_time(client.greet(name("Ann"))).await;
        assert_eq!((response.is_ok(), log.lock().unwrap().len()), (attempts == 2, attempts));
        drop(client);
        serving.ends().await;
    }
}

#[tokio::test]
async fn a_stream_that_stalls_ends_and_fails_for_a_body_breaker() {
    let (serving, _log) = scripted_http2::serve(&[Reply::MessageThenHang]).await;
    let circuit = circuit();
    let total = BodyTimeoutLayer::new().total(Duration::from_millis(50)).unwrap();
    for (limits, expected) in [(idle(50), BodyLimit::Idle), (total, BodyLimit::Total)] {
        let layers = ServiceBuilder::new().layer(BodyBreakerLayer::on(&circuit)).layer(PeekLayer::new()).layer(limits);
        let mut client = GreeterClient::new(layers.service(channel(serving.address)));
        let greetings = in_time(client.greet_at_length(name("Ann"))).await.unwrap().into_inner();
        let status = end_of(greetings).await;
        assert_eq!((status.code(), limit(&status)), (Code::Unknown, Some(expected)), "{status:?}");
    }
    assert_eq!(circuit.stats().total_failures, 2);
    serving.ends().await;
}

/// tonic's interceptors require a body type that implements `Default`.
#[tokio::test]
async fn an_interceptor_works_around_the_layer() {
    let (serving, _log) = scripted_http2::serve(&[scripted_http2::OK]).await;
    let pass = |request: tonic::Request<()>| Ok::<_, Status>(request);
    let interceptor = tonic::service::InterceptorLayer::new(pass);
    let limited = idle(10_000).layer(channel(serving.address));
    let mut client = GreeterClient::new(interceptor.layer(limited));
    in_time(client.greet(name("Ann"))).await.unwrap();
    drop(client);
    serving.ends().await;
}
