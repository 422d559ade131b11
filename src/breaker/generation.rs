//! Generation arithmetic. Every transition of a circuit starts a new generation. A permit belongs
//! to the generation that issued it, and its result is ignored in any other.

use crate::sync::{AtomicU64, Ordering};

/// A generation has 31 bits and wraps around.
pub(crate) const GENERATION_MASK: u32 = (1 << 31) - 1;

/// Returns whether `this` generation began after `that` one. The result is right while fewer than
/// 2^30 generations lie between them.
#[inline]
pub(crate) fn is_later(this: u32, that: u32) -> bool {
    let ahead = this.wrapping_sub(that) & GENERATION_MASK;
    ahead != 0 && ahead <= GENERATION_MASK / 2
}

/// Resets a word whose upper 31 bits are a generation, if that generation appears to be later than
/// `generation`. The word then holds `generation` and a payload of 0. Call this only when no later
/// generation can exist: then an apparently later word was written before the counter wrapped.
/// Returns whether the word was reset.
// Relaxed is enough: the store of the tenant in its core publishes the word.
pub(crate) fn reset_if_wrapped(word: &AtomicU64, generation: u32) -> bool {
    let is_of_long_ago = is_later((word.load(Ordering::Relaxed) >> 33) as u32, generation);
    if is_of_long_ago {
        word.store(u64::from(generation) << 33, Ordering::Relaxed);
    }
    is_of_long_ago
}
