//! The atomics of circuits and budgets: std's, or loom's when the models run.

#[cfg(not(all(test, recourse_loom)))]
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(all(test, recourse_loom))]
pub(crate) use self::model::{AtomicU64, Ordering, check};

/// Loom overlooks orders where a thread loads what it then stores, as every loop around a compare-and-swap does: it
/// compares a store with the last access only, which is that load, and not with what other threads have loaded before
/// (tokio-rs/loom#166 and #392). If loads are stores too, the last access is enough. But a store sees the newest value, and
/// who loads may see an older one. So a model is run both ways.
#[cfg(all(test, recourse_loom))]
mod model {
    use std::cell::Cell;

    use loom::{model::Builder, sync::atomic};

    pub(crate) use loom::sync::atomic::Ordering;

    /// Tries what threads can do to one another: every order, or those in which threads are stopped at most so often while
    /// they could have gone on. Two stops are enough for nearly every fault that was ever found like this (Musuvathi and
    /// Qadeer, "Iterative Context Bounding", 2007).
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
        /// All orders, of the newest values.
        InEveryOrder,
        /// All values that an ordering allows, in most orders.
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

        /// The loop that std has in it, around this load.
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
