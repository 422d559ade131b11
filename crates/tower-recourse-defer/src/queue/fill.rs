use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How full a queue is, counted at most once per second: a count reads the whole index.
#[derive(Debug, Default)]
pub(crate) struct Fill(Mutex<Option<Counted>>);

#[derive(Debug, Clone, Copy)]
struct Counted {
    jobs: u64,
    at: Instant,
}

impl Fill {
    const VALID_FOR: Duration = Duration::from_secs(1);

    /// The number of jobs, if it was counted recently.
    pub(crate) fn jobs(&self) -> Option<u64> {
        self.lock().filter(|counted| counted.at.elapsed() < Self::VALID_FOR).map(|counted| counted.jobs)
    }

    /// Records a count.
    pub(crate) fn counted(&self, jobs: u64) {
        *self.lock() = Some(Counted { jobs, at: Instant::now() });
    }

    /// Adds a job that was stored.
    pub(crate) fn stored(&self) {
        if let Some(counted) = &mut *self.lock() {
            counted.jobs += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
