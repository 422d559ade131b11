//! Times that only some settings need: the half-open timeout, and the start of the slow start.
//!
//! The first write allocates both times, to save memory: there may be a million circuits, and most
//! of them need neither.

use once_cell::race::OnceBox;

use super::stamp::Stamp;

/// The optional times of one cell.
#[derive(Debug)]
pub(super) struct OptionalTimes(OnceBox<Times>);

#[derive(Debug)]
struct Times {
    half_open_until: Stamp,
    slow_start_since: Stamp,
}

impl OptionalTimes {
    pub(super) fn new() -> Self {
        let times = Self(OnceBox::new());
        // Loom rejects an atomic that one thread of the model allocates and another one reads.
        #[cfg(all(test, recourse_loom))]
        times.allocated();
        times
    }

    // Relaxed is enough: the store of the tenant in its core publishes the stamps.
    pub(super) fn clear(&self) {
        if let Some(times) = self.0.get() {
            times.half_open_until.clear();
            times.slow_start_since.clear();
        }
    }

    /// The stamp of the half-open timeout.
    pub(super) fn half_open_until(&self) -> u64 {
        self.0.get().map_or(Stamp::NONE, |times| times.half_open_until.read())
    }

    /// See [`Stamp::extend`].
    pub(super) fn extend_half_open_until(&self, before: u64, generation: u32, time: u64) -> bool {
        self.allocated().half_open_until.extend(before, generation, time)
    }

    /// The stamp of the slow start: when it began.
    pub(super) fn slow_start_since(&self) -> u64 {
        self.0.get().map_or(Stamp::NONE, |times| times.slow_start_since.read())
    }

    /// See [`Stamp::extend`].
    pub(super) fn extend_slow_start_since(&self, before: u64, generation: u32, time: u64) -> bool {
        self.allocated().slow_start_since.extend(before, generation, time)
    }

    fn allocated(&self) -> &Times {
        self.0.get_or_init(|| Box::new(Times { half_open_until: Stamp::new(), slow_start_since: Stamp::new() }))
    }
}
