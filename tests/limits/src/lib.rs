//! Limits in a stack: tower's limits, `governor`, `tower_governor` and `congestion-limiter`. In the
//! documented order, their rejections open no circuit and cost no budget.
//!
//! `cargo test --manifest-path tests/limits/Cargo.toml`
#![cfg(test)]

mod congestion_limiter;
mod governor;
mod tower_governor;
mod tower_limits;

use std::{fmt, sync::Arc, time::Duration};

use tower_recourse::{
    BreakerConfig, Circuit, RetryConfig, Verdict,
    breaker::{OpenDuration, Probes, TripRule},
    retry::{Backoff, Budget, TokenBucket},
};

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A retry after 10 s, and its budget.
pub(crate) fn retry() -> (RetryConfig, Arc<TokenBucket>) {
    let bucket = Arc::new(TokenBucket::default());
    let backoff = Backoff::fixed(secs(10));
    let config = RetryConfig::default().idempotent().backoff(backoff.clone()).throttled_backoff(backoff);
    (config.shared_budget(bucket.clone()), bucket)
}

/// The settings of a circuit that opens at the first failure, for an hour.
pub(crate) fn breaker() -> BreakerConfig {
    BreakerConfig::default()
        .open_when(TripRule::consecutive(1).unwrap())
        .open_for(OpenDuration::fixed(secs(3_600)))
        .probes(Probes::one())
        .count_all_calls()
}

/// Asserts that a circuit and a budget are as if the rejected calls hadn't been made.
#[track_caller]
pub(crate) fn assert_untouched<C>(circuit: &Circuit<C>, budget: &TokenBucket) {
    assert_eq!((circuit.stats().total_failures, budget.stats().granted), (0, 0));
}

/// The error of a service whose limiter may reject the call.
#[derive(Debug, Clone)]
pub(crate) enum CallError {
    /// The limiter rejected the call. It admits the next one after this time, if that is known.
    Limited(Option<Duration>),
    /// The call failed.
    Failed,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Limited(_) => "the limiter rejected the call",
            Self::Failed => "the call failed",
        })
    }
}

/// The details of a limited call in an event, with `display_errors`.
pub(crate) const LIMITED: &str = r#"failure=rejected error="the limiter rejected the call""#;

/// The classifier of [`CallError`] for all layers.
pub(crate) fn classify(error: &CallError) -> Verdict {
    match error {
        CallError::Limited(retry_in) => Verdict::rejected(*retry_in),
        CallError::Failed => Verdict::transient(),
    }
}
