//! Generations: 31-bit counters that wrap.

use crate::sync::{AtomicU64, Ordering};

/// Generations are counted modulo 2^31.
pub(crate) const GENERATION_MASK: u32 = (1 << 31) - 1;

/// Whether `this` generation began after `that` one, modulo 2^31.
#[inline]
pub(crate) fn is_later(this: u32, that: u32) -> bool {
    let ahead = this.wrapping_sub(that) & GENERATION_MASK;
    ahead != 0 && ahead <= GENERATION_MASK / 2
}

/// Of a word whose upper 31 bits are a generation: takes it for one of `generation`, with nothing in it, if it looks later. For memory
/// that nobody of a later one can have written: then it is of more than 2^30 generations ago. Whether it was.
// Relaxed: the circuit that begins is published by its tenant.
pub(crate) fn reset_if_wrapped(word: &AtomicU64, generation: u32) -> bool {
    let is_of_long_ago = is_later((word.load(Ordering::Relaxed) >> 33) as u32, generation);
    if is_of_long_ago {
        word.store(u64::from(generation) << 33, Ordering::Relaxed);
    }
    is_of_long_ago
}
