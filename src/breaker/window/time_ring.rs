//! How many of the calls in the last while were marked (failed, or slow): a ring of slices of time.
//!
//! Each slice is two words: slot_id (the generation, and the number of the slice since the circuit's epoch), and the sums of
//! that time, with a tag that says which time that is. Whoever comes first in a new slice takes over the oldest one by
//! changing its `slot_id`; sums with another tag are of the slice before, and read as nothing. Nothing is cleared, no timer
//! runs, and a window that nobody called for 60 days is empty, as all its slices are of other times.

use super::{
    layout::WindowKind,
    time_slot::{TimeSlot, slot_id},
};
use crate::{
    breaker::generation::reset_if_wrapped,
    sync::{AtomicU64, Ordering},
};

#[cfg(all(test, not(recourse_loom)))]
mod tests;

#[derive(Debug)]
pub(crate) struct TimeRing {
    /// How long each is, in microseconds.
    length: u64,
    ring: Box<[TimeSlot]>,
}

impl TimeRing {
    pub(crate) fn new(length: u64, slices: u8) -> Self {
        let slice = || TimeSlot { slot_id: AtomicU64::new(0), sums: AtomicU64::new(0) };
        Self { length: length.max(1), ring: (0..slices.max(1)).map(|_| slice()).collect() }
    }

    pub(crate) fn kind(&self) -> WindowKind {
        WindowKind::Time { slice: self.length, slices: self.ring.len() as u8 }
    }

    /// See [`reset_if_wrapped`].
    pub(crate) fn start_tenant(&self, generation: u32) {
        for slice in &self.ring {
            if reset_if_wrapped(&slice.slot_id, generation) {
                // Its tag may be that of a slice to come.
                slice.sums.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Adds to the slice of `now`. (calls, marked calls) in the window with it; `None` if a later generation has begun.
    pub(crate) fn record(&self, generation: u32, now: u64, calls: u32, marked: u32) -> Option<(u32, u32)> {
        let number = self.slot_number(now);
        self.slice(number).add(slot_id(generation, number), calls, marked)?;
        Some(self.read_until(generation, number))
    }

    /// The number of `now`'s slice.
    #[inline]
    pub(super) fn slot_number(&self, now: u64) -> u64 {
        now / self.length
    }

    /// Whether this is the number of `now`'s slice.
    #[inline]
    pub(super) fn contains(&self, number: u64, now: u64) -> bool {
        let begins = number.wrapping_mul(self.length);
        begins <= now && now - begins < self.length
    }

    /// Adds a call to a slice, and looks at no other.
    #[inline]
    pub(super) fn add(&self, generation: u32, number: u64) {
        // `None` is a call of a generation that is over.
        let _ = self.slice(number).add(slot_id(generation, number), 1, 0);
    }

    /// The slice of `now`, as a word that later ones are compared with.
    pub(super) fn slot_id(&self, generation: u32, now: u64) -> u64 {
        slot_id(generation, self.slot_number(now))
    }

    /// Whether a slice is of the window that ends with this one's, or ahead of it, as this thread may be late.
    #[inline]
    pub(super) fn in_window(&self, slice: u64, generation: u32, newest: u64) -> bool {
        let age = newest.wrapping_sub(slice) & TimeSlot::NUMBER_MASK;
        (slice >> 33) as u32 == generation
            && (age < self.ring.len() as u64 || age > TimeSlot::NUMBER_MASK - TimeSlot::MAX_LATENESS)
    }

    /// Whether a slice is of a later time than another of its generation. One that is earlier by more than a thread may be late
    /// is of a time before the numbers came round.
    pub(super) fn is_ahead(slice: u64, of: u64) -> bool {
        let ahead = slice.wrapping_sub(of) & TimeSlot::NUMBER_MASK;
        ahead != 0 && ahead <= TimeSlot::NUMBER_MASK - TimeSlot::MAX_LATENESS
    }

    #[inline]
    fn slice(&self, number: u64) -> &TimeSlot {
        &self.ring[(number % self.ring.len() as u64) as usize]
    }

    /// (calls, marked calls) of `generation` in the window that ends with `now`'s slice.
    pub(crate) fn read(&self, generation: u32, now: u64) -> (u32, u32) {
        self.read_until(generation, self.slot_number(now))
    }

    /// The same, of the window that ends with this slice.
    pub(super) fn read_until(&self, generation: u32, newest: u64) -> (u32, u32) {
        let oldest = (newest + 1).saturating_sub(self.ring.len() as u64);
        (oldest..=newest).fold((0u32, 0u32), |(calls, marked), number| {
            let (more_calls, more_marked) = self.slice(number).sums_of(slot_id(generation, number));
            (calls.saturating_add(more_calls), marked.saturating_add(more_marked))
        })
    }
}
