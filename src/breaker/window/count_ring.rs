//! Counts how many of the last N calls were marked: a ring with one bit per call, which slides with
//! every call. A call is *marked* if it failed or, in a window of slow calls, if it was slow. A
//! *mark* is the bit of such a call.
//!
//! The head holds the generation, the next place, whether the ring is full, and the number of
//! marks. A call first reserves its place in the head. Then it sets or clears the bit of that
//! place, and adds the difference to the number of marks in the head. Once all threads are done,
//! that number equals the number of marked bits, in whatever order the threads ran. The thread that
//! changes the head last reads the final number.
//!
//! Nothing is cleared when a generation ends. Every word of the ring carries the generation that
//! wrote it, and bits of another generation count as unmarked.

use super::{fast_record::FastRecord, layout::WindowKind};
use crate::{
    breaker::generation::{GENERATION_MASK, is_later, reset_if_wrapped},
    sync::{AtomicU64, Ordering},
};

#[cfg(all(test, not(recourse_loom)))]
mod tests;

/// The largest window, in calls.
pub(crate) const MAX_CALLS: u16 = 4_096;

#[derive(Debug)]
pub(crate) struct CountRing {
    head: AtomicU64,
    ring: Box<[AtomicU64]>,
    /// The number of calls in a full window.
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
    /// The bits of a word in the ring: 31 of generation, 1 unused, 32 marks.
    const PER_WORD: u16 = 32;

    pub(crate) fn new(span: u16) -> Self {
        let ring = (0..span.div_ceil(Self::PER_WORD)).map(|_| AtomicU64::new(0)).collect();
        Self { head: AtomicU64::new(0), ring, span }
    }

    pub(crate) fn kind(&self) -> WindowKind {
        WindowKind::Calls(self.span)
    }

    /// Prepares the ring for a new tenant. See [`reset_if_wrapped`].
    pub(crate) fn start_tenant(&self, generation: u32) {
        for word in self.ring.iter().chain([&self.head]) {
            reset_if_wrapped(word, generation);
        }
    }

    /// Adds a call. Returns the calls and the marked calls in the window, this call included, or
    /// `None` if a later generation has begun.
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
            // Wrapping, because the thread that removes a mark may run before the one that adds it.
            (false, true) => self.adjust_marked(generation, head, |marked| marked.wrapping_add(1)),
            (true, false) => self.adjust_marked(generation, head, |marked| marked.wrapping_sub(1)),
            _ => Some(self.counts(head)),
        }
    }

    /// Adds an unmarked call of `generation`, if the window holds fewer than `marks` marks.
    pub(super) fn record_success_below(&self, generation: u32, marks: u32) -> FastRecord {
        let head = self.load();
        if head.generation != generation || u32::from(head.marked) >= marks {
            return FastRecord::NotRecorded;
        }
        match self.record(generation, false) {
            // A failure was recorded since the check above, and its thread may have evaluated the
            // window without this call.
            Some((_, marked)) if marked >= marks => FastRecord::NeedsEvaluation,
            // `None`: the call's generation is over.
            _ => FastRecord::Done,
        }
    }

    /// Returns the calls and the marked calls of `generation` in the window.
    pub(crate) fn read(&self, generation: u32) -> (u32, u32) {
        let head = self.load();
        if head.generation == generation { self.counts(head) } else { (0, 0) }
    }

    /// Returns whether an unmarked call of `generation` would change nothing.
    #[inline]
    pub(crate) fn ignores_success(&self, generation: u32) -> bool {
        let quiet = Head { generation, next: 0, full: true, marked: 0 };
        self.head.load(Ordering::Acquire) >> NEXT_BITS == pack(quiet) >> NEXT_BITS
    }

    /// Counts the places that `generation` has marked. This equals the number in the head once all
    /// threads are done.
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

    /// Sets or clears the bit of a place. Returns its former value.
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
        // While other threads are between their two steps, the number may be slightly below zero or
        // above the number of calls.
        let marked = (head.marked as i16).clamp(0, calls as i16);
        (u32::from(calls), u32::from(marked as u16))
    }

    fn load(&self) -> Head {
        unpack(self.head.load(Ordering::Acquire))
    }

    // AcqRel: a thread that sees the number of marks also sees the bits that it counts.
    fn replace(&self, head: Head, next: Head) -> Result<(), Head> {
        self.head
            .compare_exchange(pack(head), pack(next), Ordering::AcqRel, Ordering::Acquire)
            .map_or_else(|current| Err(unpack(current)), |_| Ok(()))
    }
}

impl Head {
    /// An unmarked call leaves a full window without marks as it is, so nothing is written.
    fn ignores_success(&self) -> bool {
        self.full && self.marked == 0
    }
}

/// The next place is in the lowest bits, so that `ignores_success` can discard it by a shift.
const NEXT_BITS: u32 = 16;

#[inline]
fn pack(head: Head) -> u64 {
    let Head { generation, next, full, marked } = head;
    u64::from(generation) << 33 | u64::from(full) << 32 | u64::from(marked) << NEXT_BITS | u64::from(next)
}

fn unpack(head: u64) -> Head {
    Head { generation: (head >> 33) as u32, full: head >> 32 & 1 == 1, marked: (head >> 16) as u16, next: head as u16 }
}
