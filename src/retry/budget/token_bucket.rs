use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{Budget, BudgetStats, Token};
use crate::{
    FailureKind, Invalid,
    time::{Clock, Instant},
};

/// A share of the traffic, and a reserve of retries a second for those who have little.
///
/// Every request puts its share of a token in, every retry takes a whole one out. What is put in is kept up to a capacity;
/// a bucket that is full is read and not written. When it is empty, the reserve is asked, which refills with time and
/// holds one second's worth.
///
/// | setting | default | why |
/// |---|---|---|
/// | share | 0.2 | Finagle's; the service sees at most 1.2 times the demand |
/// | reserve | 10 a second | Finagle's; a client with five requests a minute may still retry them |
/// | capacity | 100 | the burst after a long healthy time stays small next to a service's queue |
///
/// ```
/// use tower_recourse::{RetryConfig, retry::TokenBucket};
///
/// let config = RetryConfig::default().budget(TokenBucket::share(0.1)?.reserve(1));
/// # let _ = config;
/// # Ok::<(), tower_recourse::Invalid>(())
/// ```
#[derive(Debug)]
pub struct TokenBucket {
    /// In millionths of a token.
    tokens: AtomicU64,
    deposit: u64,
    capacity: u64,
    reserve: Reserve,
    granted: AtomicU64,
    refused: AtomicU64,
}

const WHOLE: u64 = 1_000_000;
const FROM_TOKENS: Token = Token::new(0);
const FROM_RESERVE: Token = Token::new(1);

impl TokenBucket {
    /// A bucket into which each request puts `share` of a token: 0.2 allows one retry for five requests, 2.0 two retries
    /// for each. 10 retries a second in reserve unless set.
    ///
    /// # Errors
    ///
    /// If `share` isn't within 0..=1000.
    pub fn share(share: f64) -> Result<Self, Invalid> {
        if !(0.0..=1000.0).contains(&share) {
            return Err(Invalid::new("share", share, "within 0..=1000"));
        }
        Ok(Self { deposit: (share * WHOLE as f64).round() as u64, ..Self::default() })
    }

    /// How many retries a second are allowed beside the share. 0 for none.
    pub fn reserve(mut self, per_second: u32) -> Self {
        self.reserve = Reserve::new(per_second, self.reserve.clock);
        self
    }

    /// How many tokens are kept at most.
    ///
    /// # Errors
    ///
    /// If `tokens` is 0.
    pub fn capacity(mut self, tokens: u32) -> Result<Self, Invalid> {
        if tokens == 0 {
            return Err(Invalid::new("capacity", tokens, "at least 1"));
        }
        self.capacity = u64::from(tokens) * WHOLE;
        Ok(self)
    }

    /// The clock by which the reserve refills: tokio's unless set.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.reserve = Reserve { clock: clock.into(), ..self.reserve };
        self.reserve.epoch = self.reserve.clock.now();
        self
    }

    fn take(&self) -> bool {
        let less = |tokens: u64| tokens.checked_sub(WHOLE);
        self.tokens.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).is_ok()
    }

    fn put(&self, amount: u64) {
        // The one read of the healthy path. Several threads that see the same room may overfill by a deposit each.
        let room = self.capacity.saturating_sub(self.tokens.load(Ordering::Relaxed));
        if room > 0 {
            self.tokens.fetch_add(amount.min(room), Ordering::AcqRel);
        }
    }
}

/// 20 % and 10 a second.
impl Default for TokenBucket {
    fn default() -> Self {
        let reserve = Reserve::new(10, Clock::default());
        Self {
            tokens: AtomicU64::new(0),
            deposit: WHOLE / 5,
            capacity: 100 * WHOLE,
            reserve,
            granted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }
}

impl Budget for TokenBucket {
    fn deposit(&self) {
        if self.deposit > 0 {
            self.put(self.deposit);
        }
    }

    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        let token = if self.take() { Some(FROM_TOKENS) } else { self.reserve.take().then_some(FROM_RESERVE) };
        let counter = if token.is_some() { &self.granted } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        token
    }

    fn give_back(&self, token: Token) {
        self.granted.fetch_sub(1, Ordering::Relaxed);
        if token == FROM_TOKENS {
            // Not `put`: what was taken goes back in full, also into a bucket that has filled up since.
            self.tokens.fetch_add(WHOLE, Ordering::AcqRel);
        } else {
            self.reserve.give_back();
        }
    }

    fn stats(&self) -> BudgetStats {
        let balance = self.tokens.load(Ordering::Acquire) / WHOLE + self.reserve.left();
        BudgetStats::new(balance, self.granted.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

/// So many a second, by the generic cell rate algorithm: the time up to which the reserve is used up, in one word.
#[derive(Debug)]
struct Reserve {
    used_until: AtomicU64,
    per_second: u32,
    clock: Clock,
    epoch: Instant,
}

impl Reserve {
    /// One second's worth may be used at once.
    const BURST: u64 = Duration::from_secs(1).as_nanos() as u64;

    fn new(per_second: u32, clock: Clock) -> Self {
        let epoch = clock.now();
        Self { used_until: AtomicU64::new(0), per_second, clock, epoch }
    }

    fn take(&self) -> bool {
        let Some(each) = self.each() else { return false };
        let now = self.now();
        let later = |used_until: u64| {
            let next = used_until.max(now) + each;
            (next <= now + Self::BURST).then_some(next)
        };
        self.used_until.fetch_update(Ordering::AcqRel, Ordering::Acquire, later).is_ok()
    }

    fn give_back(&self) {
        let each = self.each().unwrap_or(0);
        let earlier = |used_until: u64| Some(used_until.saturating_sub(each));
        // Always `Some`, so this can't fail.
        let _ = self.used_until.fetch_update(Ordering::AcqRel, Ordering::Acquire, earlier);
    }

    fn left(&self) -> u64 {
        let Some(each) = self.each() else { return 0 };
        let now = self.now();
        let used = self.used_until.load(Ordering::Acquire).saturating_sub(now);
        Self::BURST.saturating_sub(used) / each
    }

    /// The nanoseconds that one retry uses up; `None` without a reserve. Never 0: more than a billion a second are a billion.
    fn each(&self) -> Option<u64> {
        Self::BURST.checked_div(self.per_second.into()).map(|each| each.max(1))
    }

    /// Nanoseconds since the bucket was made. Half of the range is some 292 years.
    fn now(&self) -> u64 {
        let elapsed = self.clock.now().saturating_duration_since(self.epoch);
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX).min(u64::MAX / 2)
    }
}
