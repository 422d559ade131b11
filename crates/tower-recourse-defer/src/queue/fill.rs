use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How full a queue is. A count reads a part of the index, so the number is only counted now and
/// then, by one caller at a time.
#[derive(Debug)]
pub(crate) struct Fill {
    limit: u64,
    counted: Mutex<Option<Counted>>,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    jobs: u64,
    at: Instant,
}

impl Fill {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, counted: Mutex::default() }
    }

    /// The number of jobs, or `None` if the caller must count them. Until it has, other callers get
    /// the former number.
    pub(crate) fn jobs(&self) -> Option<u64> {
        let mut counted = self.lock();
        let known = counted.as_mut()?;
        // A queue that is less than half full isn't full after some seconds.
        let valid_for = if known.jobs < self.limit / 2 { Duration::from_secs(10) } else { Duration::from_secs(1) };
        if known.at.elapsed() < valid_for {
            return Some(known.jobs);
        }
        known.at = Instant::now();
        None
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
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_caller_counts_and_the_others_get_the_former_number() {
        let fill = Fill::new(10);
        assert_eq!(fill.jobs(), None);
        fill.counted(7);
        fill.stored();
        assert_eq!(fill.jobs(), Some(8));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((fill.jobs(), fill.jobs()), (None, Some(8)));
        fill.counted(1);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(fill.jobs(), Some(1), "it is far from full");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(fill.jobs(), None);
    }
}
