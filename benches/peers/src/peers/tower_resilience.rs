//! tower-resilience 0.14, without its features `tracing` and `metrics`, which are off by default.

use std::time::Duration;

use tower::{Layer, Service};
use tower_resilience_circuitbreaker::{
    CircuitBreaker, CircuitBreakerConfigBuilder, CircuitBreakerLayer, DefaultClassifier, SlidingWindowType,
};
use tower_resilience_fallback::{Fallback, FallbackLayer};
use tower_resilience_retry::{Retry, RetryBudgetBuilder, RetryConfigBuilder, RetryLayer};

use crate::upstream::{Down, Request, at_once};

/// Three attempts without waits. If it retries, it still sleeps for one tick of the timer.
pub fn retry<E>() -> RetryConfigBuilder<Request, u64, E> {
    RetryLayer::builder().max_attempts(3).fixed_backoff(Duration::ZERO)
}

pub fn without_budget<S>(inner: S) -> Retry<S, Request, u64, Down> {
    retry().build().layer(inner)
}

/// The token bucket that its documentation shows.
pub fn with_budget<S>(inner: S) -> Retry<S, Request, u64, Down> {
    let budget = RetryBudgetBuilder::new().token_bucket().build().expect("its defaults");
    retry().budget(budget).build().layer(inner)
}

pub type Breaker<S> = CircuitBreaker<S, DefaultClassifier>;

fn breaker() -> CircuitBreakerConfigBuilder {
    CircuitBreakerLayer::builder()
}

fn layered<S>(builder: CircuitBreakerConfigBuilder, inner: S) -> Breaker<S> {
    builder.build().expect("within bounds").layer_fn(inner)
}

pub fn consecutive<S>(inner: S) -> Breaker<S> {
    layered(breaker().consecutive_failures(5), inner)
}

/// The default: opens if half of the last hundred calls failed.
pub fn count_window<S>(inner: S) -> Breaker<S> {
    layered(breaker(), inner)
}

/// Opens if half of the calls of the last second failed, once there were a hundred.
pub fn time_window<S>(inner: S) -> Breaker<S> {
    let builder = breaker()
        .sliding_window_type(SlidingWindowType::TimeBased)
        .sliding_window_duration(Duration::from_secs(1))
        .minimum_number_of_calls(100);
    layered(builder, inner)
}

pub fn opens_at_once<S>(inner: S) -> Breaker<S> {
    layered(breaker().consecutive_failures(1).wait_duration_in_open(Duration::ZERO), inner)
}

pub fn open<S>(inner: S) -> Breaker<S> {
    let builder = breaker().wait_duration_in_open(Duration::from_secs(3_600));
    let (layer, handle) = builder.build_with_handle().expect("within bounds");
    at_once(|| handle.force_open(), |()| ());
    layer.layer_fn(inner)
}

pub fn fallback<S>(inner: S) -> Fallback<S, Request, u64, Down> {
    FallbackLayer::value(0).layer(inner)
}

/// All three layers with their defaults, except for the waits.
pub fn stack<S>(
    breaker: Breaker<S>,
) -> impl Service<Request, Response = u64, Error: Send, Future: Send> + Clone + Send + 'static
where
    S: Service<Request, Response = u64, Error = Down, Future: Send> + Clone + Send + 'static,
{
    FallbackLayer::value(0).layer(retry().build().layer(breaker))
}
