//! How many calls in a row were dropped: in the word of the probes, which has no other use while a circuit is closed.
//!
//! ```text
//! closed:     generation 31 · unused 1 · dropped 32
//! half-open:  generation 31 · unused 1 · dropped 8 · slow 8 · failed 8 · counted 8
//! ```

use super::{State, is_later};
use crate::sync::{AtomicU64, Ordering};

const DROPPED: u64 = u32::MAX as u64;
const DROPPED_PROBES: u64 = 0xFF << 24;

/// A dropped call begins a row. Of a generation that is over, it changes nothing.
pub(super) fn begin(word: &AtomicU64, generation: u32) {
    let first = |current: u64| {
        let writer = (current >> 33) as u32;
        (!is_later(writer, generation)).then_some(u64::from(generation) << 33 | 1)
    };
    // `Err`: a later generation counts there.
    let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, first);
}

/// One more in the row of `generation`: how many there are.
pub(super) fn add(word: &AtomicU64, generation: u32, state: State) -> u32 {
    let one_more = |current: u64| {
        let writer = (current >> 33) as u32;
        if is_later(writer, generation) {
            return None;
        }
        let current = if writer == generation { current } else { u64::from(generation) << 33 };
        let (row, one) = if state == State::Closed { (DROPPED, 1) } else { (DROPPED_PROBES, 1 << 24) };
        // It stays at the largest that fits.
        Some(if current & row == row { current } else { current + one })
    };
    // `Err`: a later generation counts there.
    let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
    of(word, generation, state)
}

/// How many there are.
pub(super) fn of(word: &AtomicU64, generation: u32, state: State) -> u32 {
    let word = word.load(Ordering::Acquire);
    match state {
        _ if (word >> 33) as u32 != generation => 0,
        State::Closed => word as u32,
        _ => (word as u32 & DROPPED_PROBES as u32) >> 24,
    }
}

/// A probe was answered, although that says nothing about health: those dropped before it are no row any more.
pub(super) fn forget_probes(word: &AtomicU64, generation: u32) {
    let forget = |current: u64| {
        let is_mine = (current >> 33) as u32 == generation && current & DROPPED_PROBES != 0;
        is_mine.then_some(current & !DROPPED_PROBES)
    };
    // `Err`: there is nothing to forget.
    let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, forget);
}
