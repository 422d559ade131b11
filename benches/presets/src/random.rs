//! Random numbers that a seed repeats: SplitMix64.

/// A generator for one purpose of one run, so that all candidates meet the same arrivals.
#[derive(Debug, Clone)]
pub struct Random(u64);

/// What the numbers are for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    Arrivals = 1,
    Upstream,
    WaitOut,
    Trickle,
}

impl Random {
    pub fn new(purpose: Purpose, seed: u64) -> Self {
        let mut mixed = Self(seed.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ ((purpose as u64) << 56));
        mixed.0 = mixed.bits();
        mixed
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 (included) to 1 (excluded).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// An exponentially distributed number with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -(1.0 - self.unit()).ln() * mean
    }
}
