//! A circuit brought into a state, and its books checked.
#![allow(dead_code)]

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};

use tower::Service;
use tower_recourse::{
    BreakerConfig, Circuit, State, Verdict,
    breaker::{OpenFor, OpenRule, Probes},
};

/// No observer, every call counted; five failures in a row, 30 s, one probe.
pub(crate) fn counted() -> BreakerConfig {
    plain().unobserved().count_calls()
}

/// Opens after five failures in a row, however fast, for 30 s; one probe.
pub(crate) fn plain() -> BreakerConfig {
    BreakerConfig::default()
        .open_when(OpenRule::consecutive(5).unwrap())
        .open_for(OpenFor::fixed(Duration::from_secs(30)))
        .probes(Probes::one())
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

/// A service that is as ready as `readiness` says, and always answers.
pub(crate) fn as_ready_as(
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
