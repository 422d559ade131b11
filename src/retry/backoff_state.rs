//! The state of a request's backoff between two retries.

use std::time::Duration;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BackoffState {
    /// The backoff's latest delay. `None` before the first retry, and after a restart of the
    /// backoff.
    previous: Option<Duration>,
    /// The attempt after which the backoff was restarted; 0 if it never was.
    restarted_after: u32,
}

impl BackoffState {
    pub(super) fn previous(&self) -> Option<Duration> {
        self.previous
    }

    /// The number of the retry that would follow attempt `attempt`, counted from the latest
    /// restart: 1 is the first.
    pub(super) fn retry_after(&self, attempt: u32) -> u32 {
        attempt.saturating_sub(self.restarted_after).max(1)
    }

    /// Records the backoff's delay for a retry.
    pub(super) fn record(&mut self, delay: Duration) {
        self.previous = Some(delay);
    }

    /// Restarts the backoff after attempt `attempt`.
    pub(super) fn restart_after(&mut self, attempt: u32) {
        *self = Self { previous: None, restarted_after: attempt };
    }
}
