//! How a good call is counted in a window of time without asking anybody but the window: by tokio's clock, and as long as there are too few
//! marked calls in it for a good one to change anything.

use std::sync::atomic;

use super::{
    super::cell::{forget_what_comes_round, is_later},
    Alone,
    time::Slices,
};
use crate::{
    sync::{AtomicU64, Ordering},
    time::now_since_base,
};

#[cfg(all(test, not(recourse_loom)))]
mod tests;

#[derive(Debug)]
pub(crate) struct ShortCut {
    /// When the circuit's time begins, in nanoseconds of tokio's clock.
    epoch: AtomicU64,
    /// The latest slice with a mark in it.
    marked: AtomicU64,
    /// The slice that somebody was in lately, by its number: a guess, which is looked at before it is taken. So it is none of the models' words.
    lately: atomic::AtomicU64,
}

impl ShortCut {
    pub(super) fn new() -> Self {
        // A slice of a generation that is over before the first one begins.
        Self { epoch: AtomicU64::new(0), marked: AtomicU64::new(u64::MAX), lately: atomic::AtomicU64::new(0) }
    }

    /// Begins to work for a circuit whose time begins at this instant of tokio's clock, and which begins with this generation.
    pub(super) fn begin(&self, generation: u32, epoch: i64) {
        // Relaxed: published by the flags that let calls come this way.
        self.epoch.store(epoch as u64, Ordering::Relaxed);
        forget_what_comes_round(&self.marked, generation);
    }

    /// Microseconds since the circuit's time began.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        let epoch = self.epoch.load(Ordering::Relaxed) as i64;
        now_since_base().wrapping_sub(epoch).max(0) as u64 / 1_000
    }

    /// The number of `now`'s slice. Mostly it is that of the call before: then what is found out of it needn't wait for the clock, and nothing is
    /// divided after that.
    #[inline]
    fn number(&self, slices: &Slices, now: u64) -> u64 {
        let lately = self.lately.load(Ordering::Relaxed);
        if slices.is_number(lately, now) { lately } else { self.another(slices, now) }
    }

    #[cold]
    fn another(&self, slices: &Slices, now: u64) -> u64 {
        let number = slices.number(now);
        self.lately.store(number, Ordering::Relaxed);
        number
    }

    /// Counts a good call of `generation` if there are fewer marked ones in the window than this.
    #[inline]
    pub(super) fn add_below(&self, slices: &Slices, generation: u32, now: u64, marks: u32) -> Alone {
        let number = self.number(slices, now);
        let is_below = || {
            let may_be_marked = slices.reaches(self.marked.load(Ordering::Acquire), generation, number);
            !may_be_marked || slices.read_until(generation, number).1 < marks
        };
        if !is_below() {
            return Alone::Nothing;
        }
        slices.add(generation, number);
        // Whoever has marked a call of this slice after this has seen this one. Of another slice, it may not have, nor may this have seen that:
        // then it is the next call that sees both.
        if is_below() { Alone::All } else { Alone::Counted }
    }

    /// A call of this slice is going to be marked.
    pub(super) fn mark(&self, slice: u64) {
        let is_newer = |marked: u64| {
            if marked >> 33 == slice >> 33 {
                slice > marked
            } else {
                !is_later((marked >> 33) as u32, (slice >> 33) as u32)
            }
        };
        // `Err` is a later one, which stays.
        let _ =
            self.marked.fetch_update(Ordering::AcqRel, Ordering::Acquire, |marked| is_newer(marked).then_some(slice));
    }
}
