//! Counts since a circuit was made.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts that never decrease.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) admitted: Total,
    pub(crate) successes: Total,
    pub(crate) failures: Total,
    pub(crate) neutral: Total,
    pub(crate) dropped: Total,
    pub(crate) rejected: Total,
    pub(crate) transitions: Total,
}

/// One count. Relaxed, because no other memory depends on it.
#[derive(Debug, Default)]
pub(crate) struct Total(AtomicU64);

impl Total {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
