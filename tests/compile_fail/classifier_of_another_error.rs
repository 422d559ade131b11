//! Classifiers for another error type than the service's.

use std::{fmt, io};

use tower::{Service, ServiceBuilder, service_fn};
use tower_recourse::{BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer, Verdict};

async fn send(_: u32) -> Result<(), io::Error> {
    Ok(())
}

fn judge<E>(outcome: Result<&(), &E>) -> Verdict {
    if outcome.is_ok() { Verdict::Success } else { Verdict::transient() }
}

/// Has the bound that a server has for its service.
fn serve(_: impl Service<u32>) {}

fn main() {
    let breaker = BreakerLayer::new(BreakerConfig::default().classify(judge::<fmt::Error>));
    serve(ServiceBuilder::new().layer(breaker).service(service_fn(send)));

    let retry = RetryLayer::new(RetryConfig::default().classify(judge::<fmt::Error>));
    serve(ServiceBuilder::new().layer(retry).service(service_fn(send)));

    let fallback = FallbackLayer::value(()).classify(judge::<fmt::Error>);
    serve(ServiceBuilder::new().layer(fallback).service(service_fn(send)));

    // The error type of a breaker isn't the error type of the service.
    let retry = RetryLayer::new(RetryConfig::default().classify(judge::<io::Error>));
    let breaker = BreakerLayer::new(BreakerConfig::default());
    serve(ServiceBuilder::new().layer(retry).layer(breaker).service(service_fn(send)));
}
