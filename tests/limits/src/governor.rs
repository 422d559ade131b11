//! `governor` in the service of an attempt.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use ::governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use tower::{ServiceBuilder, service_fn};
use tower_recourse::{BreakerError, BreakerLayer, Circuit, FallbackLayer, RetryLayer, State, testing::EventRecorder};

use crate::{CallError, LIMITED, assert_untouched, breaker, classify, retry};

/// Admits one call per hour.
fn one_per_hour() -> Arc<DefaultDirectRateLimiter> {
    let quota = Quota::with_period(Duration::from_secs(3_600)).unwrap().allow_burst(NonZeroU32::MIN);
    Arc::new(RateLimiter::direct(quota))
}

/// `Ok` if the limiter admits a call now.
fn check(limiter: &DefaultDirectRateLimiter) -> Result<(), CallError> {
    limiter
        .check()
        .map_err(|not_until| CallError::Limited(Some(not_until.wait_time_from(DefaultClock::default().now()))))
}

#[tokio::test(start_paused = true)]
async fn a_rejection_opens_no_circuit_and_costs_no_budget() {
    let ((retry, budget), limiter, recorder) = (retry(), one_per_hour(), EventRecorder::new());
    let circuit = Circuit::new(breaker().classify_errors(classify));
    let inner = |error: &BreakerError<CallError>| match error {
        BreakerError::Inner(error) => Some(classify(error)),
        _ => None,
    };
    let mut service = ServiceBuilder::new()
        .layer(FallbackLayer::value("stored").display_errors().observe(recorder.clone()))
        .layer(RetryLayer::new(retry.classify_errors(inner).display_errors().observe(recorder.clone())))
        .layer(BreakerLayer::on(&circuit))
        .service(service_fn(move |()| {
            let limiter = limiter.clone();
            async move { check(&limiter).map(|()| "fresh") }
        }));
    assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), "fresh");
    assert_eq!(service.ready().await.unwrap().call(()).await.unwrap(), "stored");
    let lines = [
        format!("RetryStopped attempt=1 cause=rejected {LIMITED}"),
        format!("FallbackCalled cause=rejected {LIMITED}"),
        "FallbackSucceeded cause=rejected".to_owned(),
    ];
    assert_eq!(recorder.lines(), lines);
    assert_eq!((circuit.state(), circuit.stats().total_neutral), (State::Closed, 1));
    assert_untouched(&circuit, &budget);
}

#[test]
fn the_same_holds_for_blocking_calls() {
    let ((retry, budget), limiter) = (retry(), one_per_hour());
    let circuit = Circuit::new(breaker().classify_errors(classify));
    let retry = RetryLayer::new(retry.classify_errors(|error: &BreakerError<CallError>| match error {
        BreakerError::Inner(error) => Some(classify(error)),
        _ => None,
    }));
    let call = || retry.run_blocking(|_| circuit.call_blocking(|| check(&limiter)));
    call().unwrap();
    assert!(call().is_err());
    assert_eq!(circuit.state(), State::Closed);
    assert_untouched(&circuit, &budget);
}
