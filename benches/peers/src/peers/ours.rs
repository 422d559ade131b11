//! tower-recourse, with its default observer, which reports failures through `tracing`.

use std::time::Duration;

use tower::Layer;
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, Ratio, RetryConfig, RetryLayer, State,
    breaker::{OpenDuration, TripRule, Window},
    retry::Backoff,
};

/// Two retries without waits.
pub fn retry() -> RetryConfig {
    RetryConfig::default().idempotent().retries(2).backoff(Backoff::none())
}

/// Opens if half of the last hundred calls failed, once there were a hundred.
pub fn count_window() -> BreakerConfig {
    let window = Window::count(100).and_then(|window| window.minimum(100)).expect("within bounds");
    BreakerConfig::default().open_when(TripRule::FailureRate { failing: Ratio::HALF, window })
}

/// Opens if half of the calls of the last second failed, once there were a hundred.
pub fn time_window() -> BreakerConfig {
    let window = Window::time(Duration::from_secs(1)).and_then(|window| window.minimum(100)).expect("within bounds");
    BreakerConfig::default().open_when(TripRule::FailureRate { failing: Ratio::HALF, window })
}

/// Opens after every failure, for a time of zero.
pub fn opens_at_once() -> BreakerConfig {
    BreakerConfig::default()
        .open_when(TripRule::consecutive(1).expect("at least 1"))
        .open_for(OpenDuration::fixed(Duration::ZERO))
}

pub fn open() -> Circuit {
    let hour = OpenDuration::fixed(Duration::from_secs(3_600));
    let rule = TripRule::consecutive(5).expect("at least 1");
    let circuit = Circuit::new(BreakerConfig::default().open_when(rule).open_for(hour));
    (0..5).for_each(|_| circuit.report_failure());
    assert_eq!(circuit.state(), State::Open);
    circuit
}

/// A fallback value, retries with the default budget, and a circuit: all defaults, except for the
/// waits.
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
