//! A retry around a breaker that responds to rejected calls with UNAVAILABLE. The retry waits out
//! short rejections.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, RetryConfig, RetryLayer, State,
    breaker::{OpenDuration, TripRule},
    grpc::{GrpcReplay, StatusClassifier, Unavailable},
    http::rejection,
    retry::{Backoff, Policy, RejectedRetry, RejectionWait},
};

use crate::{answers, gaps, request};

const MS: Duration = Duration::from_millis(1);

/// A service config with two attempts.
const SERVICE_CONFIG: &str = r#"{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 2,
    "initialBackoff": "0.05s", "maxBackoff": "1s", "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}"#;

/// A breaker that opens at the first failure for this duration.
fn breaker(open_for: Duration) -> BreakerConfig<StatusClassifier> {
    let rule = TripRule::consecutive(1).unwrap();
    BreakerConfig::grpc().open_when(rule).open_for(OpenDuration::fixed(open_for)).without_observers()
}

fn opened(open_for: Duration) -> Circuit<StatusClassifier> {
    let circuit = Circuit::new(breaker(open_for));
    circuit.report_failure();
    assert_eq!(circuit.state(), State::Open);
    circuit
}

/// The status in the headers, and the duration of the call.
async fn ask<S>(stack: S, path: &str) -> (String, Duration)
where
    S: Service<Request<Full<Bytes>>, Response = Response<Empty<Bytes>>, Error = Infallible>,
{
    let begun = Instant::now();
    let response = stack.oneshot(request(path)).await.unwrap();
    let status = response.headers()["grpc-status"].to_str().unwrap();
    (status.to_owned(), begun.elapsed())
}

/// The open duration, plus 10 to 100 ms of jitter. tokio's timer rounds up to a millisecond.
fn is_waited_out(took: Duration) -> bool {
    (110 * MS..=201 * MS).contains(&took)
}

#[tokio::test(start_paused = true)]
async fn a_breakers_unavailable_is_waited_out() {
    let circuit = opened(100 * MS);
    let (log, service) = answers(&[&[("grpc-status", "0")]]);
    let breaker = BreakerLayer::on(&circuit).on_rejection(Unavailable);
    let stack = RetryLayer::new(RetryConfig::grpc().without_observers()).layer(breaker.layer(service));
    let (status, took) = ask(stack, "/greeter/Greet").await;
    assert_eq!(status, "0");
    assert!(is_waited_out(took), "{took:?}");
    let seen = log.lock().unwrap();
    assert_eq!((seen.len(), circuit.stats().total_rejected, circuit.state()), (1, 1, State::Closed));
    assert!(!seen[0].1.contains_key("grpc-previous-rpc-attempts"), "the service sees a first attempt");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_retry_waits_and_stays_the_same_attempt() {
    let circuit = Circuit::new(breaker(100 * MS));
    let (log, service) = answers(&[&[("grpc-status", "14")], &[("grpc-status", "0")]]);
    let retry = RetryConfig::grpc().retries(1).backoff(Backoff::fixed(20 * MS)).without_observers();
    let breaker = BreakerLayer::on(&circuit).on_rejection(Unavailable);
    let (status, took) = ask(RetryLayer::new(retry).layer(breaker.layer(service)), "/greeter/Greet").await;
    assert_eq!((status.as_str(), circuit.stats().total_rejected), ("0", 1));
    assert!((110 * MS..=202 * MS).contains(&took) && gaps(&log).len() == 1, "{took:?}");
    assert_eq!(log.lock().unwrap()[1].1["grpc-previous-rpc-attempts"], "1");
}

/// The breaker rejects the second attempt with a marked UNAVAILABLE.
#[tokio::test(start_paused = true)]
async fn a_rejected_retry_returns_the_last_response() {
    async fn assert_returned<P>(retry: RetryLayer<P, GrpcReplay>, is_rejection: bool)
    where
        P: Policy<Request<Full<Bytes>>, Response<Empty<Bytes>>, Infallible>,
    {
        let (log, service) = answers(&[&[("grpc-status", "14"), ("x-from", "server")]]);
        let breaker = BreakerLayer::new(breaker(10_000 * MS)).on_rejection(Unavailable);
        let response = retry.layer(breaker.layer(service)).oneshot(request("/greeter/Greet")).await.unwrap();
        assert_eq!(rejection(&response).is_some(), is_rejection);
        assert_eq!(response.headers().contains_key("x-from"), !is_rejection);
        assert_eq!(log.lock().unwrap().len(), 1);
    }
    for (setting, is_rejection) in [(RejectedRetry::ReturnRejection, true), (RejectedRetry::ReturnLastOutcome, false)] {
        let retry = RetryConfig::grpc().backoff(Backoff::none()).on_rejected_retry(setting).without_observers();
        assert_returned(RetryLayer::new(retry), is_rejection).await;
        let config = RetryConfig::from_service_config(SERVICE_CONFIG).unwrap();
        let config = config.map_methods(|base| base.on_rejected_retry(setting).without_observers());
        assert_returned(config.layer(), is_rejection).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_longer_unavailable_is_returned_at_once() {
    for (open_for, wait) in [(251 * MS, RejectionWait::default()), (100 * MS, RejectionWait::NONE)] {
        let (log, service) = answers(&[&[("grpc-status", "0")]]);
        let breaker = BreakerLayer::on(&opened(open_for)).on_rejection(Unavailable);
        let config = RetryConfig::grpc().wait_out_rejections(wait).without_observers();
        let begun = Instant::now();
        let stack = RetryLayer::new(config).layer(breaker.layer(service));
        let response = stack.oneshot(request("/greeter/Greet")).await.unwrap();
        assert_eq!((&response.headers()["grpc-status"], begun.elapsed()), (&"14".parse().unwrap(), Duration::ZERO));
        assert!(rejection(&response).is_some());
        assert!(log.lock().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_config_waits_out_unavailable() {
    let config = RetryConfig::from_service_config(SERVICE_CONFIG).unwrap();
    let (log, service) = answers(&[&[("grpc-status", "0")]]);
    let breaker = BreakerLayer::on(&opened(100 * MS)).on_rejection(Unavailable);
    let (status, took) = ask(config.layer().layer(breaker.layer(service)), "/greeter/Greet").await;
    assert_eq!((status.as_str(), log.lock().unwrap().len()), ("0", 1));
    assert!(is_waited_out(took), "{took:?}");
}

#[cfg(feature = "keyed")]
#[tokio::test(start_paused = true)]
async fn a_keyed_circuits_unavailable_is_waited_out() {
    let layer =
        BreakerLayer::keyed(breaker(100 * MS), |request: &Request<Full<Bytes>>| request.uri().path().to_owned())
            .on_rejection(Unavailable);
    let circuits = layer.circuits().clone();
    circuits.get(&"/greeter/Down".to_owned()).report_failure();
    let (log, service) = answers(&[&[("grpc-status", "0")]]);
    let stack = RetryLayer::new(RetryConfig::grpc().without_observers()).layer(layer.layer(service));

    assert_eq!(ask(stack.clone(), "/greeter/Up").await, ("0".to_owned(), Duration::ZERO));
    let (status, took) = ask(stack, "/greeter/Down").await;
    assert_eq!((status.as_str(), log.lock().unwrap().len()), ("0", 2));
    assert!(is_waited_out(took), "{took:?}");
    assert_eq!(circuits.get(&"/greeter/Down".to_owned()).state(), State::Closed);
}
