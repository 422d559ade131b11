//! Counts how many calls of the last T of time were marked: a ring of time slots. A call is
//! *marked* if it failed or, in a window of slow calls, if it was slow.
//!
//! A slot has two words. The first is the slot's id: the generation, and the number of the slot
//! since the circuit's epoch. The second holds the counts, with a tag that is derived from the id.
//! The first call of a new slot takes over the memory of the oldest slot by changing its id. Counts
//! with another tag belong to the former slot and are read as 0. So nothing is cleared, and no
//! timer runs. A window that had no calls for 60 days is empty, because all its slots have other
//! ids.

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
    /// The length of a slot, in microseconds.
    length: u64,
    ring: Box<[TimeSlot]>,
}

impl TimeRing {
    pub(crate) fn new(length: u64, slots: u8) -> Self {
        let slot = || TimeSlot { slot_id: AtomicU64::new(0), sums: AtomicU64::new(0) };
        Self { length: length.max(1), ring: (0..slots.max(1)).map(|_| slot()).collect() }
    }

    pub(crate) fn kind(&self) -> WindowKind {
        WindowKind::Time { slot: self.length, slots: self.ring.len() as u8 }
    }

    /// Prepares the ring for a new tenant. See [`reset_if_wrapped`].
    pub(crate) fn start_tenant(&self, generation: u32) {
        for slot in &self.ring {
            if reset_if_wrapped(&slot.slot_id, generation) {
                // Without this, the tag of the old counts could match that of a later slot.
                slot.sums.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Adds calls to the slot of `now`. Returns the calls and the marked calls in the window, these
    /// included, or `None` if a later generation has begun.
    pub(crate) fn record(&self, generation: u32, now: u64, calls: u32, marked: u32) -> Option<(u32, u32)> {
        let number = self.slot_number(now);
        self.slot(number).add(slot_id(generation, number), calls, marked)?;
        Some(self.read_until(generation, number))
    }

    /// The number of the slot at `now`.
    #[inline]
    pub(super) fn slot_number(&self, now: u64) -> u64 {
        now / self.length
    }

    /// Returns whether `now` is in slot `number`. This needs no division.
    #[inline]
    pub(super) fn contains(&self, number: u64, now: u64) -> bool {
        let begins = number.wrapping_mul(self.length);
        begins <= now && now - begins < self.length
    }

    /// Adds one unmarked call to a slot, and reads no other slot.
    #[inline]
    pub(super) fn add(&self, generation: u32, number: u64) {
        // `None`: the call's generation is over.
        let _ = self.slot(number).add(slot_id(generation, number), 1, 0);
    }

    /// The id of the slot at `now`.
    pub(super) fn slot_id(&self, generation: u32, now: u64) -> u64 {
        slot_id(generation, self.slot_number(now))
    }

    /// Returns whether `slot` is in the window that ends with slot `newest`, or is later than
    /// `newest`. It is later if this thread was delayed.
    #[inline]
    pub(super) fn in_window(&self, slot: u64, generation: u32, newest: u64) -> bool {
        let age = newest.wrapping_sub(slot) & TimeSlot::NUMBER_MASK;
        (slot >> 33) as u32 == generation
            && (age < self.ring.len() as u64 || age > TimeSlot::NUMBER_MASK - TimeSlot::MAX_LATENESS)
    }

    /// Returns whether `slot` is later than slot `of` of the same generation. If `slot` appears to
    /// be earlier by more than a thread may be late, it is later: `of` is from before the numbers
    /// wrapped.
    pub(super) fn is_ahead(slot: u64, of: u64) -> bool {
        let ahead = slot.wrapping_sub(of) & TimeSlot::NUMBER_MASK;
        ahead != 0 && ahead <= TimeSlot::NUMBER_MASK - TimeSlot::MAX_LATENESS
    }

    #[inline]
    fn slot(&self, number: u64) -> &TimeSlot {
        &self.ring[(number % self.ring.len() as u64) as usize]
    }

    /// Returns the calls and the marked calls of `generation` in the window that ends at `now`.
    pub(crate) fn read(&self, generation: u32, now: u64) -> (u32, u32) {
        self.read_until(generation, self.slot_number(now))
    }

    /// Returns the same for the window that ends with slot `newest`.
    pub(super) fn read_until(&self, generation: u32, newest: u64) -> (u32, u32) {
        let oldest = (newest + 1).saturating_sub(self.ring.len() as u64);
        (oldest..=newest).fold((0u32, 0u32), |(calls, marked), number| {
            let (more_calls, more_marked) = self.slot(number).sums_of(slot_id(generation, number));
            (calls.saturating_add(more_calls), marked.saturating_add(more_marked))
        })
    }
}
