//! The smallest state: a number.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tower_recourse::store::Persist;

#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

impl Counter {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, count: u64) {
        self.0.store(count, Ordering::SeqCst);
    }
}

impl Persist for Counter {
    type Snapshot = u64;

    fn snapshot(&self) -> u64 {
        self.get()
    }

    fn restore(&self, count: u64, _: Duration) {
        self.set(count);
    }
}
