use std::time::Duration;

use super::{CostBucket, RetryThrottle, TokenBucket, retry_throttle::WHOLE};

/// What requests have put into a [`TokenBucket`], as plain data.
///
/// The reserve isn't in it: it is full again after a second.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "store", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// Tokens, and how old they are; the newest first. Those that don't age are as old as nothing.
    pub deposits: Vec<(Duration, f64)>,
}

impl Snapshot {
    /// Tokens from elsewhere.
    pub fn new(deposits: Vec<(Duration, f64)>) -> Self {
        Self { deposits }
    }
}

impl TokenBucket {
    /// What requests have put in, as plain data.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { deposits: self.deposits.snapshot(|| self.now()) }
    }

    /// Takes over what a snapshot says that was taken so long ago, in place of its own: never more than the capacity, and if deposits
    /// [age](Self::ttl), none whose time is over meanwhile.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::retry::{Budget, TokenBucket};
    ///
    /// let before = TokenBucket::share(1.0)?.reserve(0);
    /// (0..7).for_each(|_| before.deposit());
    /// let after = TokenBucket::share(1.0)?.reserve(0).capacity(5)?;
    /// after.restore(&before.snapshot(), Duration::from_secs(3));
    /// assert_eq!(after.stats().balance, 5);
    /// # Ok::<(), tower_recourse::Invalid>(())
    /// ```
    pub fn restore(&self, snapshot: &Snapshot, elapsed: Duration) {
        self.deposits.restore(&snapshot.deposits, elapsed, || self.now());
    }
}

impl CostBucket {
    /// Holds so many [`tokens`](Self::tokens) from now on, or as many as there is room for: after a restart, say.
    pub fn restore(&self, tokens: u32) {
        self.level().set(tokens.into());
    }
}

impl RetryThrottle {
    /// Holds so many [`tokens`](Self::tokens) from now on, or as many as there is room for: after a restart, say.
    pub fn restore(&self, tokens: f64) {
        // What is below zero, or no number, is none.
        self.level().set((tokens * WHOLE as f64).round() as u64);
    }
}

#[cfg(feature = "store")]
impl crate::store::Persist for TokenBucket {
    type Snapshot = Snapshot;

    fn snapshot(&self) -> Snapshot {
        Self::snapshot(self)
    }

    fn restore(&self, snapshot: Snapshot, age: Duration) {
        Self::restore(self, &snapshot, age);
    }
}

/// Time restores nothing, and takes nothing away.
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

/// Time restores nothing, and takes nothing away.
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
