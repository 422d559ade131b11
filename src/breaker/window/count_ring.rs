//! How many of the last N calls were marked (failed, or slow): a ring of bits that slides with every call.
//!
//! The head says whose calls these are (the generation), where the next one goes, whether the ring has been round once,
//! and how many marks it holds. A call first takes its place at the head, then puts its bit there, then adds the
//! difference it made to the head's sum: so the sum is the number of marked bits as soon as everybody is done, whatever the
//! order. Whoever changes the head last sees it whole.
//!
//! Nothing is cleared when a generation ends. Every word of the ring carries the generation that wrote it, and one of
//! another generation reads as unmarked.

use super::{fast_record::FastRecord, layout::WindowKind};
use crate::{
    breaker::generation::{GENERATION_MASK, is_later, reset_if_wrapped},
    sync::{AtomicU64, Ordering},
};

#[cfg(all(test, not(recourse_loom)))]
mod tests;

/// The longest window, in calls.
pub(crate) const MAX_CALLS: u16 = 4_096;

#[derive(Debug)]
pub(crate) struct CountRing {
    head: AtomicU64,
    ring: Box<[AtomicU64]>,
    /// How many calls it spans.
    span: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    generation: u32,
    next: u16,
    full: bool,
    marked: u16,
}

impl CountRing {
    /// Each word of the ring: 31 bits of generation, 1 unused, 32 marks.
    const PER_WORD: u16 = 32;

    pub(crate) fn new(span: u16) -> Self {
        let ring = (0..span.div_ceil(Self::PER_WORD)).map(|_| AtomicU64::new(0)).collect();
        Self { head: AtomicU64::new(0), ring, span }
    }

    pub(crate) fn kind(&self) -> WindowKind {
        WindowKind::Calls(self.span)
    }

    /// See [`reset_if_wrapped`].
    pub(crate) fn start_tenant(&self, generation: u32) {
        for word in self.ring.iter().chain([&self.head]) {
            reset_if_wrapped(word, generation);
        }
    }

    /// Adds a call. (calls, marked calls) in the window with it; `None` if a later generation has begun.
    pub(crate) fn record(&self, generation: u32, mark: bool) -> Option<(u32, u32)> {
        let mut head = self.load();
        let place = loop {
            if is_later(head.generation, generation) {
                return None;
            }
            if head.generation != generation {
                let fresh = Head { generation, next: 0, full: false, marked: 0 };
                match self.replace(head, fresh) {
                    Ok(()) => head = fresh,
                    Err(current) => head = current,
                }
                continue;
            }
            if head.ignores_success() && !mark {
                return Some(self.counts(head));
            }
            let wraps = head.next + 1 == self.span;
            let next = Head { next: if wraps { 0 } else { head.next + 1 }, full: head.full || wraps, ..head };
            match self.replace(head, next) {
                Ok(()) => {
                    let place = head.next;
                    head = next;
                    break place;
                }
                Err(current) => head = current,
            }
        };
        match (self.set_bit(place, generation, mark)?, mark) {
            // Wrapping: who takes a mark out may come before whoever put it in has added it.
            (false, true) => self.adjust_marked(generation, head, |marked| marked.wrapping_add(1)),
            (true, false) => self.adjust_marked(generation, head, |marked| marked.wrapping_sub(1)),
            _ => Some(self.counts(head)),
        }
    }

    /// Adds an unmarked call of `generation` if there are fewer marks than this.
    pub(super) fn record_success_below(&self, generation: u32, marks: u32) -> FastRecord {
        let head = self.load();
        if head.generation != generation || u32::from(head.marked) >= marks {
            return FastRecord::NotRecorded;
        }
        match self.record(generation, false) {
            // Whoever has added its mark after this has seen this call.
            Some((_, marked)) if marked >= marks => FastRecord::NeedsEvaluation,
            // `None` is a call of a generation that is over.
            _ => FastRecord::Done,
        }
    }

    /// (calls, marked calls) of `generation` in the window.
    pub(crate) fn read(&self, generation: u32) -> (u32, u32) {
        let head = self.load();
        if head.generation == generation { self.counts(head) } else { (0, 0) }
    }

    /// Whether an unmarked call of `generation` would change nothing.
    #[inline]
    pub(crate) fn ignores_success(&self, generation: u32) -> bool {
        let quiet = Head { generation, next: 0, full: true, marked: 0 };
        self.head.load(Ordering::Acquire) >> NEXT_BITS == pack(quiet) >> NEXT_BITS
    }

    /// How many places of the ring are marked by `generation`: what the sum should be when nobody is at it.
    #[cfg(all(test, recourse_loom))]
    pub(crate) fn marked_places(&self, generation: u32) -> u32 {
        let marks = |word: &AtomicU64| word.load(Ordering::Acquire);
        self.ring
            .iter()
            .map(marks)
            .filter(|word| (word >> 33) as u32 == generation)
            .map(|word| (word as u32).count_ones())
            .sum()
    }

    /// Sets the bit of a place, and says what it was.
    fn set_bit(&self, place: u16, generation: u32, mark: bool) -> Option<bool> {
        let word = &self.ring[usize::from(place / Self::PER_WORD)];
        let bit = 1u64 << (place % Self::PER_WORD);
        let mut current = word.load(Ordering::Acquire);
        loop {
            let writer = (current >> 33) as u32;
            if is_later(writer, generation) {
                return None;
            }
            let marks = if writer == generation { current & 0xFFFF_FFFF } else { 0 };
            let was = marks & bit != 0;
            if was == mark {
                return Some(was);
            }
            let next = u64::from(generation & GENERATION_MASK) << 33 | (marks ^ bit);
            match word.compare_exchange(current, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(was),
                Err(changed) => current = changed,
            }
        }
    }

    fn adjust_marked(&self, generation: u32, mut head: Head, sum: impl Fn(u16) -> u16) -> Option<(u32, u32)> {
        loop {
            if head.generation != generation {
                return None;
            }
            let next = Head { marked: sum(head.marked), ..head };
            match self.replace(head, next) {
                Ok(()) => return Some(self.counts(next)),
                Err(current) => head = current,
            }
        }
    }

    fn counts(&self, head: Head) -> (u32, u32) {
        let calls = if head.full { self.span } else { head.next };
        // While somebody is at it, the sum may be a few below zero, or above the calls.
        let marked = (head.marked as i16).clamp(0, calls as i16);
        (u32::from(calls), u32::from(marked as u16))
    }

    fn load(&self) -> Head {
        unpack(self.head.load(Ordering::Acquire))
    }

    // AcqRel: who sees the sum sees the bits that it sums up.
    fn replace(&self, head: Head, next: Head) -> Result<(), Head> {
        self.head
            .compare_exchange(pack(head), pack(next), Ordering::AcqRel, Ordering::Acquire)
            .map_or_else(|current| Err(unpack(current)), |_| Ok(()))
    }
}

impl Head {
    /// A full window without a mark stays what it is when an unmarked call comes: nothing is written.
    fn ignores_success(&self) -> bool {
        self.full && self.marked == 0
    }
}

/// The next place is lowest, as it doesn't matter to whether a head is quiet.
const NEXT_BITS: u32 = 16;

#[inline]
fn pack(head: Head) -> u64 {
    let Head { generation, next, full, marked } = head;
    u64::from(generation) << 33 | u64::from(full) << 32 | u64::from(marked) << NEXT_BITS | u64::from(next)
}

fn unpack(head: u64) -> Head {
    Head { generation: (head >> 33) as u32, full: head >> 32 & 1 == 1, marked: (head >> 16) as u16, next: head as u16 }
}
