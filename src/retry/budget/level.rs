use crate::sync::{AtomicU64, Ordering};

/// The level of a bucket: one word between 0 and a capacity, in a unit that the bucket chooses.
///
/// Relaxed: changes of one word are totally ordered, each change is relative to the one before, and
/// no other memory is read because of this word's value.
#[derive(Debug)]
pub(super) struct Level {
    amount: AtomicU64,
    capacity: u64,
}

impl Level {
    /// Starts with `amount`, or with the capacity if that is less.
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

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.amount() >= self.capacity
    }

    /// Sets the level to `amount`, or to the capacity if that is less.
    pub(super) fn set(&self, amount: u64) {
        self.amount.store(amount.min(self.capacity), Ordering::Relaxed);
    }

    /// Adds as much of `amount` as there is room for, and returns the added part. A full bucket is
    /// read and not written.
    pub(super) fn put(&self, amount: u64) -> u64 {
        let more = |level: u64| (level < self.capacity).then(|| level.saturating_add(amount).min(self.capacity));
        match self.amount.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(before) => amount.min(self.capacity - before),
            Err(_full) => 0,
        }
    }

    /// Takes all of `amount` or nothing. Returns whether it took `amount`.
    pub(super) fn take(&self, amount: u64) -> bool {
        let less = |level: u64| level.checked_sub(amount);
        self.amount.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// Takes `amount`, or the whole level if that is less. An empty bucket is read and not written.
    pub(super) fn drain(&self, amount: u64) {
        let less = |level: u64| (level > 0).then(|| level.saturating_sub(amount));
        // `Err` means that the level is 0 already.
        let _ = self.amount.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}
