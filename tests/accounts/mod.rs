//! A circuit brought into a state, and its books checked.
#![allow(dead_code)]

use tower_recourse::{BreakerConfig, Circuit, State, Verdict, breaker::OpenRule};

/// Nobody listens, and everything is counted.
pub(crate) fn counted() -> BreakerConfig {
    BreakerConfig::default().unobserved().count_calls()
}

/// Opens at the first failure.
pub(crate) fn at_once() -> OpenRule {
    OpenRule::consecutive(1).unwrap()
}

/// Fails calls until it opens.
pub(crate) fn open<C>(circuit: &Circuit<C>) {
    while circuit.state() == State::Closed {
        circuit.admit().unwrap().failure();
    }
    assert_eq!(circuit.state(), State::Open);
}

pub(crate) fn end_all<C>(circuit: &Circuit<C>, verdict: Verdict, calls: u32) {
    for _ in 0..calls {
        circuit.admit().unwrap().end(verdict);
    }
}

/// [successes, failures, neutral, dropped], which are all the calls that were admitted.
pub(crate) fn endings<C>(circuit: &Circuit<C>) -> [u64; 4] {
    let stats = circuit.stats();
    let endings = [stats.total_successes.unwrap(), stats.total_failures, stats.total_neutral, stats.total_dropped];
    assert_eq!(stats.total_admitted, Some(endings.iter().sum()), "every call that was admitted has ended once");
    endings
}
