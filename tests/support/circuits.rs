//! Brings a circuit into a state, and checks its counts.
#![allow(dead_code)]

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};

use tower::Service;
use tower_recourse::{
    BreakerConfig, Circuit, State, Verdict,
    breaker::{OpenDuration, Probes, TripRule},
    time::ManualClock,
};

/// Like [`plain`], without observers, and with all calls counted.
pub(crate) fn counted() -> BreakerConfig {
    plain().without_observers().count_all_calls()
}

/// Opens for 30 s after five consecutive failures, however fast. One probe decides.
pub(crate) fn plain() -> BreakerConfig {
    BreakerConfig::default()
        .open_when(TripRule::consecutive(5).unwrap())
        .open_for(OpenDuration::fixed(Duration::from_secs(30)))
        .probes(Probes::one())
}

/// Opens at the first failure.
pub(crate) fn first_failure() -> TripRule {
    TripRule::consecutive(1).unwrap()
}

/// A circuit that opens at the first failure, and its clock.
pub(crate) fn timed(config: BreakerConfig) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    (Circuit::new(config.open_when(first_failure()).clock(clock.clone())), clock)
}

/// Like [`timed`], with the circuit in the half-open state.
pub(crate) fn half_open(config: BreakerConfig) -> (Circuit, ManualClock) {
    let (circuit, clock) = timed(config);
    open(&circuit);
    clock.advance(circuit.retry_in().unwrap());
    assert_eq!(circuit.state(), State::HalfOpen);
    (circuit, clock)
}

/// Fails calls until the circuit opens.
pub(crate) fn open<C>(circuit: &Circuit<C>) {
    while circuit.state() == State::Closed {
        circuit.try_acquire().unwrap().failure();
    }
    assert_eq!(circuit.state(), State::Open);
}

pub(crate) fn end_calls<C>(circuit: &Circuit<C>, verdict: Verdict, calls: u32) {
    for _ in 0..calls {
        circuit.try_acquire().unwrap().end(verdict);
    }
}

/// The numbers of [successes, failures, neutral calls, dropped calls]. Checks that their sum is the
/// number of admitted calls.
pub(crate) fn ended_calls<C>(circuit: &Circuit<C>) -> [u64; 4] {
    let stats = circuit.stats();
    let ended_calls = [stats.total_successes.unwrap(), stats.total_failures, stats.total_neutral, stats.total_dropped];
    assert_eq!(stats.total_admitted, Some(ended_calls.iter().sum()), "every admitted call has ended once");
    ended_calls
}

/// A service whose `poll_ready` returns the result of `readiness`, and whose calls succeed.
pub(crate) fn with_readiness(
    readiness: impl FnMut() -> Result<(), &'static str>,
) -> impl Service<(), Response = (), Error = &'static str> {
    struct Flaky<F>(F);
    impl<F: FnMut() -> Result<(), &'static str>> Service<()> for Flaky<F> {
        type Response = ();
        type Error = &'static str;
        type Future = Ready<Result<(), &'static str>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready((self.0)())
        }

        fn call(&mut self, (): ()) -> Self::Future {
            ready(Ok(()))
        }
    }
    Flaky(readiness)
}
