use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Whether circuits reject all jobs.
///
/// With one circuit per key, calls of other keys interrupt the row of rejections, so one open
/// circuit doesn't pause the others.
#[derive(Debug)]
pub(super) struct Pause {
    /// The number of rejections in a row that pauses the worker.
    limit: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rejections_in_a_row: u32,
    until: Option<Instant>,
}

impl Pause {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit: limit.max(1), state: Mutex::default() }
    }

    /// A circuit rejected a job, and may admit one after this time.
    pub(super) fn rejected(&self, retry_in: Duration) {
        let mut state = self.lock();
        state.rejections_in_a_row = state.rejections_in_a_row.saturating_add(1);
        state.until = state.until.max(Some(Instant::now() + retry_in));
    }

    /// A call was admitted.
    pub(super) fn admitted(&self) {
        *self.lock() = State::default();
    }

    /// When the next job may be claimed, if the circuits reject all jobs. Then only one may be
    /// claimed.
    pub(super) fn until(&self) -> Option<Instant> {
        let state = self.lock();
        state.until.filter(|_| state.rejections_in_a_row >= self.limit)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
