use super::BudgetStats;
use crate::sync::{AtomicU64, Ordering};

/// The numbers of granted and refused withdrawals. Only failures write them.
///
/// Relaxed: the counters order no other memory.
#[derive(Debug)]
pub(super) struct Counts {
    granted: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self { granted: AtomicU64::new(0), refused: AtomicU64::new(0) }
    }

    /// Counts the result of a withdrawal, and returns it.
    pub(super) fn answered<T>(&self, answer: Option<T>) -> Option<T> {
        let counter = if answer.is_some() { &self.granted } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// A granted withdrawal was refunded.
    pub(super) fn given_back(&self) {
        // Not `fetch_sub`, which would wrap around if a caller refunds a token that was never
        // granted.
        let _ = self.granted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |granted| granted.checked_sub(1));
    }

    pub(super) fn stats(&self, balance: u64) -> BudgetStats {
        BudgetStats::new(balance, self.granted.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}
