use super::BudgetStats;
use crate::sync::{AtomicU64, Ordering};

/// What became of what was asked of a bucket. Written by failures only.
///
/// Relaxed throughout: each is a number of its own, and orders nothing else.
#[derive(Debug)]
pub(super) struct Counts {
    granted: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self { granted: AtomicU64::new(0), refused: AtomicU64::new(0) }
    }

    /// Counts an answer, and passes it on.
    pub(super) fn answered<T>(&self, answer: Option<T>) -> Option<T> {
        let counter = if answer.is_some() { &self.granted } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// One that was granted has come back.
    pub(super) fn given_back(&self) {
        // Not `fetch_sub`: who gives back what was never granted doesn't make this wrap round.
        let _ = self.granted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |granted| granted.checked_sub(1));
    }

    pub(super) fn stats(&self, balance: u64) -> BudgetStats {
        BudgetStats::new(balance, self.granted.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}
