//! How old a request is. Rejections are waited out up to a [maximum
//! age](super::RejectionWait::max_age).

use std::time::Duration;

use crate::time::Instant;

/// The start of a request, as far as it is known, and its waits. The clock isn't read at the start
/// of a request that has no time limit.
///
/// `started` is the start of an attempt of a request with a time limit or a deadline.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RequestAge {
    since: Option<Instant>,
    /// The sum of all waits for rejections.
    waited: Duration,
}

impl RequestAge {
    /// Counts from the start of a timed request. Reads no clock.
    pub(super) fn begin_if_timed(&mut self, started: Option<Instant>) {
        self.since = self.since.or(started);
    }

    /// Counts from the start of a timed request, or from now.
    pub(super) fn begin(&mut self, started: Option<Instant>) {
        self.since = self.since.or(started).or_else(|| Some(Instant::now()));
    }

    /// The age. It is at least the sum of the waits, so that the waits end even if a manual clock
    /// doesn't advance.
    pub(super) fn at(&self, started: Option<Instant>) -> Duration {
        let since = self.since.or(started);
        let age = since.map_or(Duration::ZERO, |since| Instant::now().saturating_duration_since(since));
        age.max(self.waited)
    }

    /// Adds a wait for a rejection.
    pub(super) fn add_wait(&mut self, started: Option<Instant>, delay: Duration) {
        self.begin(started);
        self.waited = self.waited.saturating_add(delay);
    }
}
