//! The atomics that circuits and budgets use: std's, or loom's in a loom model.

#[cfg(not(all(test, recourse_loom)))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(all(test, recourse_loom))]
pub(crate) use self::model::{AtomicU64, Ordering, check};

/// Loom misses interleavings in which a thread stores a value that it has loaded before, as every
/// compare-and-swap loop does. It compares a store with the last access only, which is that load,
/// and not with the loads of other threads before it (tokio-rs/loom#166 and #392). If loads are
/// modelled as read-modify-writes, the last access is sufficient. But a read-modify-write reads the
/// newest value, while a load may return an older one. So each model runs in both modes.
#[cfg(all(test, recourse_loom))]
mod model {
    use std::cell::Cell;

    use loom::{model::Builder, sync::atomic};

    pub(crate) use loom::sync::atomic::Ordering;

    /// Runs a model. `stops` limits how often threads are preempted; `None` explores every
    /// interleaving. Two preemptions are enough for nearly all faults that were found in this way
    /// (Musuvathi and Qadeer, "Iterative Context Bounding", 2007).
    pub(crate) fn check(stops: Option<usize>, model: impl Fn() + Sync + Send + Copy + 'static) {
        for loads in [Loads::InEveryOrder, Loads::OfEveryAge] {
            LOADS.set(loads);
            let mut builder = Builder::new();
            builder.preemption_bound = stops;
            builder.check(model);
        }
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Loads {
        /// Every interleaving, with the newest values.
        InEveryOrder,
        /// Every value that an ordering allows, in most interleavings.
        OfEveryAge,
    }

    thread_local! {
        static LOADS: Cell<Loads> = const { Cell::new(Loads::InEveryOrder) };
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

        #[cfg_attr(not(feature = "retry"), allow(dead_code))]
        pub(crate) fn fetch_add(&self, value: u64, ordering: Ordering) -> u64 {
            self.0.fetch_add(value, ordering)
        }

        #[cfg_attr(not(feature = "breaker"), allow(dead_code))]
        pub(crate) fn fetch_sub(&self, value: u64, ordering: Ordering) -> u64 {
            self.0.fetch_sub(value, ordering)
        }

        /// The loop of std's `fetch_update`, with this type's `load`.
        #[cfg_attr(not(feature = "retry"), allow(dead_code))]
        pub(crate) fn fetch_update(
            &self,
            ok: Ordering,
            err: Ordering,
            next: impl Fn(u64) -> Option<u64>,
        ) -> Result<u64, u64> {
            let mut value = self.load(err);
            while let Some(next) = next(value) {
                match self.compare_exchange(value, next, ok, err) {
                    Ok(before) => return Ok(before),
                    Err(now) => value = now,
                }
            }
            Err(value)
        }
    }
}
