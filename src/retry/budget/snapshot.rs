use std::time::Duration;

use super::{CostBucket, RetryThrottle, TokenBucket, retry_throttle::WHOLE};

/// The deposits of a [`TokenBucket`] as plain data.
///
/// It doesn't contain the reserve, which is full again after a second or, if deposits age, after
/// their lifetime.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "store", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct BudgetSnapshot {
    /// Tokens with their ages, the newest first. Tokens that don't age have age zero.
    pub deposits: Vec<(Duration, f64)>,
}

impl BudgetSnapshot {
    /// Makes a snapshot of tokens from another source.
    pub fn new(deposits: Vec<(Duration, f64)>) -> Self {
        Self { deposits }
    }
}

impl TokenBucket {
    /// The deposits as plain data.
    pub fn snapshot(&self) -> BudgetSnapshot {
        BudgetSnapshot { deposits: self.deposits.snapshot(|| self.now()) }
    }

    /// Replaces the deposits with those of a snapshot that was taken `elapsed` ago, up to the
    /// capacity. If deposits [age](Self::ttl), those that have expired meanwhile are left out.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::retry::{Budget, TokenBucket};
    ///
    /// let before = TokenBucket::retry_ratio(1.0)?.min_per_second(0);
    /// (0..7).for_each(|_| before.deposit());
    /// let after = TokenBucket::retry_ratio(1.0)?.min_per_second(0).capacity(5)?;
    /// after.restore(&before.snapshot(), Duration::from_secs(3));
    /// assert_eq!(after.stats().balance, 5);
    /// # Ok::<(), tower_recourse::InvalidConfig>(())
    /// ```
    pub fn restore(&self, snapshot: &BudgetSnapshot, elapsed: Duration) {
        self.deposits.restore(&snapshot.deposits, elapsed, || self.now());
    }
}

impl CostBucket {
    /// Sets the number of [`tokens`](Self::tokens), up to the capacity, for example after a
    /// restart.
    pub fn restore(&self, tokens: u32) {
        self.level().set(tokens.into());
    }
}

impl RetryThrottle {
    /// Sets the number of [`tokens`](Self::tokens), up to the maximum, for example after a restart.
    pub fn restore(&self, tokens: f64) {
        // Negative numbers and NaN become 0.
        self.level().set((tokens * WHOLE as f64).round() as u64);
    }
}

#[cfg(feature = "store")]
impl crate::store::Persist for TokenBucket {
    type Snapshot = BudgetSnapshot;

    fn snapshot(&self) -> BudgetSnapshot {
        Self::snapshot(self)
    }

    fn restore(&self, snapshot: BudgetSnapshot, age: Duration) {
        Self::restore(self, &snapshot, age);
    }
}

/// Time doesn't change the tokens.
#[cfg(feature = "store")]
impl crate::store::Persist for CostBucket {
    type Snapshot = u32;

    fn snapshot(&self) -> u32 {
        self.tokens()
    }

    fn restore(&self, tokens: u32, _age: Duration) {
        Self::restore(self, tokens);
    }
}

/// Time doesn't change the tokens.
#[cfg(feature = "store")]
impl crate::store::Persist for RetryThrottle {
    type Snapshot = f64;

    fn snapshot(&self) -> f64 {
        self.tokens()
    }

    fn restore(&self, tokens: f64, _age: Duration) {
        Self::restore(self, tokens);
    }
}
