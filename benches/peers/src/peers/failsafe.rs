//! failsafe 1.3: a circuit breaker for futures.

use std::time::Duration;

use failsafe::{
    Config, StateMachine, backoff,
    failure_policy::{self, ConsecutiveFailures, OrElse, SuccessRateOverTimeWindow},
    futures::CircuitBreaker,
};

use crate::upstream::{Down, at_once};

pub type Consecutive = StateMachine<ConsecutiveFailures<backoff::EqualJittered>, ()>;
pub type ByDefault = StateMachine<
    OrElse<SuccessRateOverTimeWindow<backoff::EqualJittered>, ConsecutiveFailures<backoff::EqualJittered>>,
    (),
>;
pub type OpensAtOnce = StateMachine<ConsecutiveFailures<backoff::Constant>, ()>;

pub fn consecutive() -> Consecutive {
    let backoff = backoff::equal_jittered(Duration::from_secs(10), Duration::from_secs(300));
    Config::new().failure_policy(failure_policy::consecutive_failures(5, backoff)).build()
}

/// The default: opens if fewer than four of five calls of the last 30 s succeed, or after five
/// failures in a row.
pub fn by_default() -> ByDefault {
    Config::new().build()
}

pub fn opens_for(time: Duration) -> OpensAtOnce {
    Config::new().failure_policy(failure_policy::consecutive_failures(1, backoff::constant(time))).build()
}

pub fn open() -> OpensAtOnce {
    let breaker = opens_for(Duration::from_secs(3_600));
    let failed = at_once(|| breaker.call(std::future::ready(Err::<u64, _>(Down))), Result::is_err);
    assert!(failed && !CircuitBreaker::is_call_permitted(&breaker));
    breaker
}
