//! Random numbers for jitter: one seed per layer, and one generator per use. No lock is needed, and
//! no two uses share a sequence.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::LazyLock,
};

use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// A seed that differs between processes and between calls.
#[cfg(feature = "retry")]
pub(crate) fn fresh_seed() -> u64 {
    RandomState::new().hash_one(0)
}

/// A seed that differs between processes and between values of `of`.
#[cfg_attr(not(feature = "breaker"), allow(dead_code))]
pub(crate) fn seed_of(of: impl Hash) -> u64 {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    KEYS.hash_one(of)
}

/// A generator for use number `turn` of `seed`.
pub(crate) fn generator(seed: u64, turn: u64) -> SmallRng {
    // The fraction of the golden ratio spreads consecutive turns over all 64 bits, and
    // `seed_from_u64` mixes the bits.
    SmallRng::seed_from_u64(seed ^ turn.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// A number from 0 (inclusive) to 1 (exclusive).
pub(crate) fn unit(generator: &mut SmallRng) -> f64 {
    generator.random()
}
