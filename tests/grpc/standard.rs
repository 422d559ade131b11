//! The standard stack around a tonic channel, with real sockets.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::Response;
use http_body_util::{Empty, Full};
use tokio::time::Instant;
use tonic::{Code, Request, body::Body, transport::Channel};
use tower::Layer;
use tower_recourse::{
    FallbackLayer,
    fallback::PrimaryFailure,
    grpc::{Grpc, StatusClassifier, peek::PeekedBody},
    http::{
        Deadline,
        standard::{Standard, StandardLayer},
    },
};

use crate::{
    channel, config,
    greeter::greeter_client::GreeterClient,
    in_time, name,
    scripted_service::{
        Fate::{InTrailers, Never, Success},
        Host,
    },
};

type Client = GreeterClient<Standard<Channel, StandardLayer<Grpc>>>;

const SHORT: Duration = Duration::from_millis(500);

/// A `grpc-timeout` in microseconds or nanoseconds, as a duration.
fn parse(timeout: &str) -> Duration {
    let (number, unit) = timeout.split_at(timeout.len() - 1);
    let number = number.parse().unwrap();
    match unit {
        "n" => Duration::from_nanos(number),
        "u" => Duration::from_micros(number),
        "m" => Duration::from_millis(number),
        _ => panic!("{timeout}"),
    }
}

#[tokio::test]
async fn a_failed_attempt_is_retried_and_has_a_timeout() {
    let (serving, host) = Host::playing(&[InTrailers, Success]).await;
    let layer = StandardLayer::grpc("greeter").attempt_timeout(Duration::from_secs(9));
    let mut client: Client = GreeterClient::new(layer.layer(channel(serving.address)));
    in_time(client.greet(name("Ann"))).await.unwrap();
    let received = host.received();
    assert_eq!(received.len(), 2);
    for attempt in received {
        let timeout = parse(&attempt.timeout.unwrap());
        assert!(timeout <= Duration::from_secs(9) && timeout > Duration::from_secs(1), "{timeout:?}");
    }
    assert_eq!(layer.circuit().stats().total_failures, 1);
}

/// The deadline is the earliest of the stack's total, the call's `grpc-timeout` and its extension.
#[tokio::test]
async fn a_call_that_hangs_ends_at_the_earliest_deadline() {
    for by in ["total", "header", "extension", "attempt"] {
        let (serving, host) = Host::playing(&[Never]).await;
        let mut layer = StandardLayer::grpc("greeter");
        let mut request = Request::new(name("Ann"));
        match by {
            "total" => layer = layer.total(SHORT),
            "attempt" => layer = layer.attempt_timeout(SHORT),
            "header" => request.set_timeout(SHORT),
            _ => drop(request.extensions_mut().insert(Deadline::after(SHORT))),
        }
        let mut client: Client = GreeterClient::new(layer.layer(channel(serving.address)));
        let start = Instant::now();
        let status = in_time(client.greet(request)).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{by}");
        assert!(start.elapsed() < Duration::from_secs(9), "{by}");
        let received = host.received();
        assert_eq!(received.len(), 1, "{by}");
        assert!(parse(received[0].timeout.as_ref().unwrap()) <= SHORT, "{by}");
        assert_eq!(layer.circuit().stats().total_failures, 1, "{by}");
    }
}

/// Only a call whose time is over is converted. The breaker doesn't count any other CANCELLED.
#[tokio::test(start_paused = true)]
async fn cancelled_is_converted_at_the_deadline_only() {
    for (takes, code, failures) in [(0, "1", 0), (498, "1", 0), (500, "4", 1)] {
        let cancels = tower::service_fn(move |_: http::Request<Full<Bytes>>| async move {
            tokio::time::sleep(Duration::from_millis(takes)).await;
            Ok::<_, Infallible>(Response::builder().header("grpc-status", "1").body(Empty::<Bytes>::new()).unwrap())
        });
        let layer = StandardLayer::grpc("greeter").total(SHORT);
        let response = layer.layer(cancels).oneshot(crate::request("/")).await.unwrap();
        assert_eq!(
            (response.headers()["grpc-status"].to_str().unwrap(), layer.circuit().stats().total_failures),
            (code, failures)
        );
    }
}

#[tokio::test]
async fn a_timed_out_attempt_is_repeated_if_its_code_is_set() {
    let (serving, host) = Host::playing(&[Never, Success]).await;
    let codes = [tower_recourse::grpc::Code::Unavailable, tower_recourse::grpc::Code::DeadlineExceeded];
    let retry = config().classifier(StatusClassifier::default().retry_codes(codes));
    let layer = StandardLayer::grpc("greeter").retry(retry).attempt_timeout(SHORT);
    let mut client = GreeterClient::new(layer.layer(channel(serving.address)));
    in_time(client.greet(name("Ann"))).await.unwrap();
    assert_eq!(host.attempts(), 2);
}

#[tokio::test]
async fn a_rejection_is_unavailable_and_a_fallback_has_time() {
    let (serving, _) = Host::playing(&[Never]).await;
    let layer = StandardLayer::grpc("greeter");
    layer.circuit().force_open();
    let mut client = GreeterClient::new(layer.layer(channel(serving.address)));
    let status = in_time(client.greet(name("Ann"))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);

    let stored =
        FallbackLayer::from_fn(|failure: PrimaryFailure<'_, Response<PeekedBody<Body>>, tonic::transport::Error>| {
            assert!(failure.outcome.is_ok());
            async {
                tokio::time::sleep(SHORT / 2).await;
                let mut response = Response::new(PeekedBody::default());
                response.headers_mut().insert("grpc-status", 5.into());
                Ok::<_, Infallible>(response)
            }
        });
    let stored = stored.merge_errors(|primary: tonic::transport::Error, _: Infallible| primary);
    let layer = StandardLayer::grpc("greeter").total(5 * SHORT).fallback(stored).reserve_for_fallback(2 * SHORT);
    let mut client = GreeterClient::new(layer.layer(channel(serving.address)));
    let status = in_time(client.greet(name("Ann"))).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}
