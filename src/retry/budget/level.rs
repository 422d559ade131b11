use crate::sync::{AtomicU64, Ordering};

/// How full a bucket is: one word, from 0 to a capacity, in whatever unit its owner counts.
///
/// Relaxed throughout: all changes of one word have one order by themselves, each adds to what the one before it has left,
/// and nothing else is read on the strength of what this word says.
#[derive(Debug)]
pub(super) struct Level {
    amount: AtomicU64,
    capacity: u64,
}

impl Level {
    /// Holds `amount` at first, or as much as there is room for.
    pub(super) fn with(amount: u64, capacity: u64) -> Self {
        Self { amount: AtomicU64::new(amount.min(capacity)), capacity }
    }

    pub(super) fn full(capacity: u64) -> Self {
        Self { amount: AtomicU64::new(capacity), capacity }
    }

    #[inline]
    pub(super) fn amount(&self) -> u64 {
        self.amount.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.amount() >= self.capacity
    }

    /// From now on there is this much, or as much as there is room for.
    pub(super) fn set(&self, amount: u64) {
        self.amount.store(amount.min(self.capacity), Ordering::Relaxed);
    }

    /// Adds what there is room for: how much that was. A full bucket is read, and not written.
    pub(super) fn put(&self, amount: u64) -> u64 {
        let more = |level: u64| (level < self.capacity).then(|| level.saturating_add(amount).min(self.capacity));
        match self.amount.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(before) => amount.min(self.capacity - before),
            Err(_full) => 0,
        }
    }

    /// Takes all of `amount`, or nothing.
    pub(super) fn take(&self, amount: u64) -> bool {
        let less = |level: u64| level.checked_sub(amount);
        self.amount.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// Takes `amount`, or what there is. An empty bucket is read, and not written.
    pub(super) fn drain(&self, amount: u64) {
        let less = |level: u64| (level > 0).then(|| level.saturating_sub(amount));
        // `Err` is an empty one.
        let _ = self.amount.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}
