//! How long a retry waits: its own backoff, and the delay that the server has requested.

use std::{sync::atomic::Ordering, time::Duration};

use super::super::{backoff_state::BackoffState, config::Settings};
use crate::{Attempt, Failure, FailureKind, random, time::Instant};

/// The delay of a retry if the server requests none.
#[derive(Default)]
pub(super) struct OwnDelay {
    /// The delay of the backoff. The backoff's next delay may depend on it.
    pub(super) backoff: Duration,
    /// At least `backoff`; longer after some throttled calls.
    pub(super) delay: Duration,
}

impl Settings {
    /// The delay after this failure. A throttled call for which the server requested no delay waits
    /// for the throttled backoff, if that is longer. One random number determines the jitter of
    /// both backoffs.
    pub(super) fn own_delay(&self, failure: Failure, attempt: &Attempt, state: &BackoffState) -> OwnDelay {
        let (retry, previous) = (state.retry_after(attempt.number()) - 1, state.previous());
        let random = self.random();
        let backoff = self.backoff.delay(retry, previous, random);
        let is_requested = failure.retry_after().is_some_and(|requested| !requested.is_zero());
        let delay = if failure.kind() == FailureKind::Throttled && !is_requested {
            backoff.max(self.throttled_backoff.delay(retry, previous, random))
        } else {
            backoff
        };
        OwnDelay { backoff, delay }
    }

    /// A delay that the server has requested, prolonged at random. The attempt after it gets at
    /// least half of the time that the deadline leaves.
    pub(super) fn with_server_delay_jitter(&self, requested: Duration, attempt: &Attempt) -> Duration {
        let share = self.retry_after_jitter.as_f64();
        if share <= 0.0 {
            return requested;
        }
        let left = attempt.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let spare = left.map_or(Duration::MAX, |left| left.saturating_sub(requested) / 2);
        let jitter = Duration::try_from_secs_f64(requested.as_secs_f64() * share).unwrap_or(Duration::MAX);
        // At least 10 ms, since a share of a short delay would hardly spread the clients.
        let most = jitter.max(Duration::from_millis(10)).min(spare);
        requested.saturating_add(most.mul_f64(self.random()))
    }

    /// The next random number, from 0 to 1. Clones of the configuration share the sequence.
    pub(super) fn random(&self) -> f64 {
        // Relaxed: all that matters is that no two callers get the same turn.
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        random::unit(&mut random::generator(self.seed, turn))
    }
}
