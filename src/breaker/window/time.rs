//! How many of the calls in the last while were marked (failed, or slow): a ring of slices of time.
//!
//! Each slice is two words: when (the generation, and the number of the slice since the circuit's epoch), and the sums of
//! that time, with a tag that says which time that is. Whoever comes first in a new slice takes over the oldest one by
//! changing its `when`; sums with another tag are of the slice before, and read as nothing. Nothing is cleared, no timer
//! runs, and a window that nobody called for 60 days is empty, as all its slices are of other times.

use super::{
    super::cell::{forget_what_comes_round, is_later},
    Span,
};
use crate::sync::{AtomicU64, Ordering};

#[cfg(all(test, not(recourse_loom)))]
mod tests;

#[derive(Debug)]
pub(crate) struct Slices {
    /// How long each is, in microseconds.
    length: u64,
    ring: Box<[Slice]>,
}

#[derive(Debug)]
struct Slice {
    /// 31 bits of generation, 33 of slice number: at the shortest slice, 1 ms, they come round after 99 days.
    when: AtomicU64,
    /// 16 bits of tag, 24 of calls, 24 of marked calls. Full at 16 million calls a slice: then the share stays.
    sums: AtomicU64,
}

impl Slices {
    const NUMBER_MASK: u64 = (1 << 33) - 1;
    const SUM_MASK: u64 = (1 << 24) - 1;

    /// By how many slices a thread may be late: 17 minutes of the shortest. Numbers come round, and a slice that is ahead by more
    /// is one of long ago.
    const LATEST: u64 = 1 << 20;

    pub(crate) fn new(length: u64, slices: u8) -> Self {
        let slice = || Slice { when: AtomicU64::new(0), sums: AtomicU64::new(0) };
        Self { length: length.max(1), ring: (0..slices.max(1)).map(|_| slice()).collect() }
    }

    pub(crate) fn span(&self) -> Span {
        Span::Time { slice: self.length, slices: self.ring.len() as u8 }
    }

    /// See [`forget_what_comes_round`].
    pub(crate) fn begin(&self, generation: u32) {
        for slice in &self.ring {
            if forget_what_comes_round(&slice.when, generation) {
                // Its tag may be that of a slice to come.
                slice.sums.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Adds to the slice of `now`. (calls, marked calls) in the window with it; `None` if a later generation has begun.
    pub(crate) fn record(&self, generation: u32, now: u64, calls: u32, marked: u32) -> Option<(u32, u32)> {
        let number = self.number(now);
        self.slice(number).add(when(generation, number), calls, marked)?;
        Some(self.read_until(generation, number))
    }

    /// The number of `now`'s slice.
    pub(super) fn number(&self, now: u64) -> u64 {
        now / self.length
    }

    /// Whether this is the number of `now`'s slice.
    #[inline]
    pub(super) fn is_number(&self, number: u64, now: u64) -> bool {
        let begins = number.wrapping_mul(self.length);
        begins <= now && now - begins < self.length
    }

    /// Adds a call to a slice, and looks at no other.
    #[inline]
    pub(super) fn add(&self, generation: u32, number: u64) {
        // `None` is a call of a generation that is over.
        let _ = self.slice(number).add(when(generation, number), 1, 0);
    }

    /// The slice of `now`, as a word that later ones are compared with.
    pub(super) fn when(&self, generation: u32, now: u64) -> u64 {
        when(generation, self.number(now))
    }

    /// Whether a slice is of the window that ends with this one's, or ahead of it, as this thread may be late.
    #[inline]
    pub(super) fn reaches(&self, slice: u64, generation: u32, newest: u64) -> bool {
        let age = newest.wrapping_sub(slice) & Self::NUMBER_MASK;
        (slice >> 33) as u32 == generation && (age < self.ring.len() as u64 || age > Self::NUMBER_MASK - Self::LATEST)
    }

    /// Whether a slice is of a later time than another of its generation. One that is earlier by more than a thread may be late
    /// is of a time before the numbers came round.
    pub(super) fn is_ahead(slice: u64, of: u64) -> bool {
        let ahead = slice.wrapping_sub(of) & Self::NUMBER_MASK;
        ahead != 0 && ahead <= Self::NUMBER_MASK - Self::LATEST
    }

    #[inline]
    fn slice(&self, number: u64) -> &Slice {
        &self.ring[(number % self.ring.len() as u64) as usize]
    }

    /// (calls, marked calls) of `generation` in the window that ends with `now`'s slice.
    pub(crate) fn read(&self, generation: u32, now: u64) -> (u32, u32) {
        self.read_until(generation, self.number(now))
    }

    /// The same, of the window that ends with this slice.
    pub(super) fn read_until(&self, generation: u32, newest: u64) -> (u32, u32) {
        let oldest = (newest + 1).saturating_sub(self.ring.len() as u64);
        (oldest..=newest).fold((0u32, 0u32), |(calls, marked), number| {
            let (more_calls, more_marked) = self.slice(number).sums_of(when(generation, number));
            (calls.saturating_add(more_calls), marked.saturating_add(more_marked))
        })
    }
}

impl Slice {
    #[inline]
    fn add(&self, mine: u64, calls: u32, marked: u32) -> Option<()> {
        loop {
            // The sums first: as long as `when` is ours afterwards, they were not of a later time.
            let sums = self.sums.load(Ordering::Acquire);
            let current = self.when.load(Ordering::Acquire);
            if current != mine {
                if is_later((current >> 33) as u32, (mine >> 33) as u32) {
                    return None;
                }
                let same_generation = current >> 33 == mine >> 33;
                let ahead = current.wrapping_sub(mine) & Slices::NUMBER_MASK;
                if same_generation && ahead <= Slices::LATEST {
                    // This thread was asleep for the whole length of the window: what it brings is out of it.
                    return Some(());
                }
                self.take_over(current, mine, sums);
                continue;
            }
            let (has_calls, has_marked) = if sums >> 48 == tag(mine) { unpack(sums) } else { (0, 0) };
            let (calls, marked) = (has_calls + u64::from(calls), has_marked + u64::from(marked));
            let full = calls > Slices::SUM_MASK || marked > Slices::SUM_MASK;
            let next = tag(mine) << 48 | calls << 24 | marked;
            if full || self.sums.compare_exchange(sums, next, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return Some(());
            }
        }
    }

    /// One step of it: the caller looks again, also if somebody else was faster.
    fn take_over(&self, current: u64, mine: u64, sums: u64) {
        let before = just_before(mine);
        if sums >> 48 != tag(mine) {
            let _ = self.when.compare_exchange(current, mine, Ordering::AcqRel, Ordering::Acquire);
        } else if current != before {
            // Left by a slice of another time that has the same tag. Calls of that time may still be on their way: they are
            // late before the sums are emptied, or they would begin them anew, under a tag that is ours as well.
            let _ = self.when.compare_exchange(current, before, Ordering::AcqRel, Ordering::Acquire);
        } else {
            let emptied = (tag(mine) ^ 1) << 48;
            let _ = self.sums.compare_exchange(sums, emptied, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    fn sums_of(&self, wanted: u64) -> (u32, u32) {
        // Before and after: read before the slice was taken over, sums of another time with the same tag would pass for its own.
        let is_wanted = || self.when.load(Ordering::Acquire) == wanted;
        if !is_wanted() {
            return (0, 0);
        }
        let sums = self.sums.load(Ordering::Acquire);
        let (calls, marked) = if is_wanted() && sums >> 48 == tag(wanted) { unpack(sums) } else { (0, 0) };
        (calls as u32, marked as u32)
    }
}

#[inline]
fn when(generation: u32, number: u64) -> u64 {
    u64::from(generation) << 33 | (number & Slices::NUMBER_MASK)
}

/// The slice of time before this one, in the same generation.
fn just_before(when: u64) -> u64 {
    when & !Slices::NUMBER_MASK | when.wrapping_sub(1) & Slices::NUMBER_MASK
}

/// 16 bits that differ for neighbouring slices and neighbouring generations.
#[inline]
fn tag(when: u64) -> u64 {
    (when ^ (when >> 33).wrapping_mul(0x9E37)) & 0xFFFF
}

#[inline]
fn unpack(sums: u64) -> (u64, u64) {
    (sums >> 24 & Slices::SUM_MASK, sums & Slices::SUM_MASK)
}
