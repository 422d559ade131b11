//! How a good call is counted in a window of time without kind anybody but the window: by tokio's clock, and as long as there are too few
//! marked calls in it for a good one to change anything.

use std::sync::atomic;

use super::{fast_record::FastRecord, time_ring::TimeRing};
use crate::{
    breaker::generation::{is_later, reset_if_wrapped},
    sync::{AtomicU64, Ordering},
    time::now_since_base,
};

#[cfg(all(test, not(recourse_loom)))]
mod tests;

#[derive(Debug)]
pub(crate) struct TimeFastPath {
    /// When the circuit's time begins, in nanoseconds of tokio's clock.
    epoch: AtomicU64,
    /// The latest slice with a mark in it.
    marked: AtomicU64,
    /// The number of the slice in which a call was last recorded the long way, by the circuit's own time: calls of another slice go
    /// that way first, where it is seen if the clock was set back. None of the models' words, as it only says which way to go.
    current_slot: atomic::AtomicU64,
}

impl TimeFastPath {
    pub(super) fn new() -> Self {
        // A slice of a generation that is over before the first one begins.
        Self { epoch: AtomicU64::new(0), marked: AtomicU64::new(u64::MAX), current_slot: atomic::AtomicU64::new(0) }
    }

    /// Begins to work for a circuit whose time begins so many microseconds after the process's base, and which begins with this
    /// generation.
    pub(super) fn start_tenant(&self, generation: u32, epoch: i64) {
        self.set_epoch(epoch);
        reset_if_wrapped(&self.marked, generation);
    }

    /// The circuit's time begins so many microseconds after the process's base.
    pub(super) fn set_epoch(&self, epoch: i64) {
        // Relaxed: published by the flags that let calls come this way.
        self.epoch.store(epoch.saturating_mul(1_000) as u64, Ordering::Relaxed);
    }

    /// Microseconds since the circuit's time began. A time before that is later than any slice.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        let epoch = self.epoch.load(Ordering::Relaxed) as i64;
        now_since_base().wrapping_sub(epoch) as u64 / 1_000
    }

    /// A call of this slice is recorded the long way.
    pub(super) fn set_current_slot(&self, number: u64) {
        if self.current_slot.load(Ordering::Relaxed) != number {
            self.current_slot.store(number, Ordering::Relaxed);
        }
    }

    /// Counts a good call of `generation` if there are fewer marked ones in the window than this.
    // Outlined, so that count windows don't pay for it.
    #[inline(never)]
    pub(super) fn record_success_below(
        &self,
        ring: &TimeRing,
        generation: u32,
        threshold: u32,
        now: impl FnOnce(&Self) -> u64,
    ) -> FastRecord {
        // What follows from it needn't wait for the clock, and nothing is divided.
        let number = self.current_slot.load(Ordering::Relaxed);
        if !ring.contains(number, now(self)) {
            return FastRecord::NotRecorded;
        }
        let is_below = || {
            let may_be_marked = ring.in_window(self.marked.load(Ordering::Acquire), generation, number);
            !may_be_marked || ring.read_until(generation, number).1 < threshold
        };
        if !is_below() {
            return FastRecord::NotRecorded;
        }
        ring.add(generation, number);
        // Whoever has marked a call of this slice after this has seen this one. Of another slice, it may not have, nor may this have seen that:
        // then it is the next call that sees both.
        if is_below() { FastRecord::Done } else { FastRecord::NeedsEvaluation }
    }

    /// A call of this slice is context to be marked.
    pub(super) fn mark(&self, slice: u64) {
        let is_newer = |marked: u64| {
            if marked >> 33 == slice >> 33 {
                // Numbers come round.
                TimeRing::is_ahead(slice, marked)
            } else {
                !is_later((marked >> 33) as u32, (slice >> 33) as u32)
            }
        };
        // `Err` is a later one, which stays.
        let _ =
            self.marked.fetch_update(Ordering::AcqRel, Ordering::Acquire, |marked| is_newer(marked).then_some(slice));
    }
}
