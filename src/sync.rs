//! The atomics of the breaker: std's, or loom's when the models run.

#[cfg(not(all(test, recourse_loom)))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(all(test, recourse_loom))]
pub(crate) use self::model::{AtomicU64, LOADS, Loads, Ordering};

/// Loom overlooks orders where a thread loads what it then stores, as every loop around a compare-and-swap does: it
/// compares a store with the last access only, which is that load, and not with what other threads have loaded before
/// (tokio-rs/loom#166 and #392). If loads are stores too, the last access is enough. But a store sees the newest value, and
/// who loads may see an older one. So a model is run both ways.
#[cfg(all(test, recourse_loom))]
mod model {
    use std::cell::Cell;

    use loom::sync::atomic;
    pub(crate) use loom::sync::atomic::Ordering;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Loads {
        /// All orders, of the newest values.
        InEveryOrder,
        /// All values that an ordering allows, in most orders.
        OfEveryAge,
    }

    thread_local! {
        pub(crate) static LOADS: Cell<Loads> = const { Cell::new(Loads::InEveryOrder) };
    }

    #[derive(Debug)]
    pub(crate) struct AtomicU64(atomic::AtomicU64);

    impl AtomicU64 {
        pub(crate) fn new(value: u64) -> Self {
            Self(atomic::AtomicU64::new(value))
        }

        pub(crate) fn load(&self, ordering: Ordering) -> u64 {
            match LOADS.get() {
                Loads::InEveryOrder => self.0.fetch_add(0, Ordering::AcqRel),
                Loads::OfEveryAge => self.0.load(ordering),
            }
        }

        pub(crate) fn store(&self, value: u64, ordering: Ordering) {
            self.0.store(value, ordering);
        }

        pub(crate) fn compare_exchange(&self, old: u64, new: u64, ok: Ordering, err: Ordering) -> Result<u64, u64> {
            self.0.compare_exchange(old, new, ok, err)
        }
    }
}
