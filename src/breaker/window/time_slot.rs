//! One slot of a time window: its id, and the counts of the calls in it.

use crate::{
    breaker::generation::is_later,
    sync::{AtomicU64, Ordering},
};

#[derive(Debug)]
pub(super) struct TimeSlot {
    /// 31 bits of generation, 33 of slot number. With the shortest slot, 1 ms, the number wraps
    /// after 99 days.
    pub(super) slot_id: AtomicU64,
    /// 16 bits of tag, 24 of calls, 24 of marked calls. At 16 million calls the slot is full: later
    /// calls are ignored, and the share stays the same.
    pub(super) sums: AtomicU64,
}

impl TimeSlot {
    pub(super) const NUMBER_MASK: u64 = (1 << 33) - 1;

    pub(super) const SUM_MASK: u64 = (1 << 24) - 1;

    /// A thread may be late by up to this many slots: 17 minutes with the shortest slot. Numbers
    /// wrap, so a slot that is ahead by more is from before the wrap.
    pub(super) const MAX_LATENESS: u64 = 1 << 20;

    #[inline]
    pub(super) fn add(&self, mine: u64, calls: u32, marked: u32) -> Option<()> {
        loop {
            // The counts are read before the id. If the id is still `mine` after that, the counts
            // aren't those of a later slot.
            let sums = self.sums.load(Ordering::Acquire);
            let current = self.slot_id.load(Ordering::Acquire);
            if current != mine {
                if is_later((current >> 33) as u32, (mine >> 33) as u32) {
                    return None;
                }
                let same_generation = current >> 33 == mine >> 33;
                let ahead = current.wrapping_sub(mine) & Self::NUMBER_MASK;
                if same_generation && ahead <= Self::MAX_LATENESS {
                    // This thread was delayed for longer than the whole window, so its call is
                    // outside of it.
                    return Some(());
                }
                self.take_over(current, mine, sums);
                continue;
            }
            let (has_calls, has_marked) = if sums >> 48 == tag(mine) { unpack(sums) } else { (0, 0) };
            let (calls, marked) = (has_calls + u64::from(calls), has_marked + u64::from(marked));
            let full = calls > Self::SUM_MASK || marked > Self::SUM_MASK;
            let next = tag(mine) << 48 | calls << 24 | marked;
            if full || self.sums.compare_exchange(sums, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return Some(());
            }
        }
    }

    /// Takes one step of the takeover. The caller then reads the slot again, also if another thread
    /// took this step.
    fn take_over(&self, current: u64, mine: u64, sums: u64) {
        let before = previous_slot_id(mine);
        if sums >> 48 != tag(mine) {
            let _ = self.slot_id.compare_exchange(current, mine, Ordering::AcqRel, Ordering::Acquire);
        } else if current != before {
            // The counts have the tag of this slot, but belong to a former one, and threads may
            // still be adding calls to that one. Changing the id stops these threads when they read
            // it again. The id must change before the counts are emptied; otherwise such a thread
            // would restart the counts under this tag.
            let _ = self.slot_id.compare_exchange(current, before, Ordering::AcqRel, Ordering::Acquire);
        } else {
            let emptied = (tag(mine) ^ 1) << 48;
            let _ = self.sums.compare_exchange(sums, emptied, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    pub(super) fn sums_of(&self, wanted: u64) -> (u32, u32) {
        // The id is checked before and after. Otherwise counts of another slot with the same tag,
        // read before the takeover, would be returned.
        let is_wanted = || self.slot_id.load(Ordering::Acquire) == wanted;
        if !is_wanted() {
            return (0, 0);
        }
        let sums = self.sums.load(Ordering::Acquire);
        let (calls, marked) = if is_wanted() && sums >> 48 == tag(wanted) { unpack(sums) } else { (0, 0) };
        (calls as u32, marked as u32)
    }
}

#[inline]
pub(super) fn slot_id(generation: u32, number: u64) -> u64 {
    u64::from(generation) << 33 | (number & TimeSlot::NUMBER_MASK)
}

/// Returns the id of the previous slot in the same generation.
fn previous_slot_id(slot_id: u64) -> u64 {
    slot_id & !TimeSlot::NUMBER_MASK | slot_id.wrapping_sub(1) & TimeSlot::NUMBER_MASK
}

/// 16 bits that differ between neighbouring slots and between neighbouring generations.
#[inline]
pub(super) fn tag(slot_id: u64) -> u64 {
    (slot_id ^ (slot_id >> 33).wrapping_mul(0x9E37)) & 0xFFFF
}

#[inline]
fn unpack(sums: u64) -> (u64, u64) {
    (sums >> 24 & TimeSlot::SUM_MASK, sums & TimeSlot::SUM_MASK)
}
