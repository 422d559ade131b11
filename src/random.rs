//! Randomness for jitter: a seed a layer, a generator a use. Nothing is locked, and no two requests share a sequence.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::LazyLock,
};

use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// A seed that differs from process to process and from call to call.
#[cfg(feature = "retry")]
pub(crate) fn fresh_seed() -> u64 {
    RandomState::new().hash_one(0)
}

/// A seed that differs from process to process, and from one `of` to another.
#[cfg_attr(not(feature = "breaker"), allow(dead_code))]
pub(crate) fn seed_of(of: impl Hash) -> u64 {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    KEYS.hash_one(of)
}

/// A generator of its own for use number `turn` of what `seed` belongs to.
pub(crate) fn generator(seed: u64, turn: u64) -> SmallRng {
    // The golden ratio's fraction spreads neighbouring turns over all 64 bits; `seed_from_u64` mixes them.
    SmallRng::seed_from_u64(seed ^ turn.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// A number from 0 (included) to 1 (excluded).
pub(crate) fn unit(generator: &mut SmallRng) -> f64 {
    generator.random()
}
