//! tower-recourse. With its observers, as by default: failures are told through `tracing`.

use std::time::Duration;

use tower::Layer;
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, Ratio, RetryConfig, RetryLayer,
    breaker::{OpenFor, OpenRule, Window},
    retry::Backoff,
};

/// Two retries, at once.
pub fn retry() -> RetryConfig {
    RetryConfig::default().idempotent().retries(2).backoff(Backoff::none())
}

/// Half of the last hundred calls, if they are as many.
pub fn count_window() -> BreakerConfig {
    let window = Window::count(100).and_then(|window| window.minimum(100)).expect("within bounds");
    BreakerConfig::default().open_when(OpenRule::Ratio { failing: Ratio::HALF, window })
}

/// Half of the calls of the last second.
pub fn time_window() -> BreakerConfig {
    let window = Window::time(Duration::from_secs(1)).and_then(|window| window.minimum(100)).expect("within bounds");
    BreakerConfig::default().open_when(OpenRule::Ratio { failing: Ratio::HALF, window })
}

/// Every failure opens it, and it is half-open at once.
pub fn opens_at_once() -> BreakerConfig {
    BreakerConfig::default()
        .open_when(OpenRule::consecutive(1).expect("at least 1"))
        .open_for(OpenFor::fixed(Duration::ZERO))
}

pub fn open() -> Circuit {
    let hour = OpenFor::fixed(Duration::from_secs(3_600));
    let circuit = Circuit::new(BreakerConfig::default().open_for(hour));
    (0..5).for_each(|_| circuit.report_failure());
    circuit
}

/// A value in place of a failure, retries within the default budget, and a circuit: all by default, but for the waits.
pub fn stack<S>(
    circuit: &Circuit,
    inner: S,
) -> impl tower::Service<u64, Response = u64, Error: Send, Future: Send> + Clone + Send + use<S>
where
    S: tower::Service<u64, Response = u64, Error = crate::upstream::Down, Future: Send> + Clone + Send + 'static,
{
    let breaker = BreakerLayer::on(circuit).layer(inner);
    FallbackLayer::value(0).layer(RetryLayer::new(retry()).layer(breaker))
}
