use std::time::Duration;

use super::{
    Budget, BudgetStats, Token,
    counts::Counts,
    deposits::{Deposits, WHOLE},
    reserve::Reserve,
};
use crate::{
    FailureKind, InvalidConfig,
    time::{Clock, Instant, SetBack},
};

/// Limits retries to a share of the traffic, and has a reserve of retries per second for clients
/// with little traffic. As in Finagle.
///
/// Each request deposits its share of a token, and each retry withdraws a whole token. Deposits are
/// kept up to a capacity, and up to an age if one is set. A full bucket is read and not written. If
/// there are no deposits, the retry uses the reserve, which refills with time.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`retry_ratio`](Self::retry_ratio) | 0.2 | the default of Finagle; the service receives at most 1.2 times the demand |
/// | [`min_per_second`](Self::min_per_second) | 10 per second | the default of Finagle; a client with five requests per minute may still retry them |
/// | [`capacity`](Self::capacity) | 100 | the burst after a long healthy time stays small compared with a service's queue |
/// | [`initial`](Self::initial) | 100 in [`default()`](Self::default), 0 after [`retry_ratio`](Self::retry_ratio) | a burst of single failures right after the start doesn't use it up; the AWS SDKs' bucket starts with 100 retries, too |
/// | [`ttl`](Self::ttl) | none: deposits don't age | to age them, each deposit must read the clock, which costs more than the rest of the deposit; the capacity limits what is stale |
///
/// ```
/// use tower_recourse::{RetryConfig, retry::TokenBucket};
///
/// let config = RetryConfig::default().budget(TokenBucket::retry_ratio(0.1)?.min_per_second(1));
/// # let _ = config;
/// # Ok::<(), tower_recourse::InvalidConfig>(())
/// ```
#[derive(Debug)]
pub struct TokenBucket {
    /// In billionths of a token.
    deposit: u64,
    capacity: u32,
    initial: u32,
    ttl: Option<Duration>,
    per_second: u32,
    pub(super) deposits: Deposits,
    reserve: Reserve,
    counts: Counts,
    clock: Clock,
    epoch: Instant,
    set_back: SetBack,
}

/// Marks a token from the reserve. No slice has this number: the numbers at the end of the clock's
/// range are far below it.
const FROM_RESERVE: Token = Token::new(u64::MAX);

impl TokenBucket {
    /// Makes a bucket into which each request deposits `share` of a token: 0.2 allows one retry per
    /// five requests, 2.0 allows two retries per request. The share is counted in billionths, so
    /// 0.6 is exact. The reserve is 10 retries per second unless set. The bucket starts without
    /// tokens unless [`initial`](Self::initial) is set.
    ///
    /// # Errors
    ///
    /// If `retry_ratio` isn't 0 or within 0.000000001..=1000.
    pub fn retry_ratio(share: f64) -> Result<Self, InvalidConfig> {
        let deposit = (share * WHOLE as f64).round();
        let is_lost = share > 0.0 && share < 1.0 / WHOLE as f64;
        if is_lost || !(0.0..=1000.0).contains(&share) {
            return Err(InvalidConfig::new("retry_ratio", share, "0, or within 0.000000001..=1000"));
        }
        Ok(Self { deposit: deposit as u64, initial: 0, ..Self::default() }.renewed())
    }

    /// Sets how many retries per second are allowed in addition to the share; 0 for none. The
    /// bucket holds the reserve of one second or, if deposits [age](Self::ttl), that of their
    /// lifetime.
    pub fn min_per_second(self, per_second: u32) -> Self {
        Self { per_second, ..self }.renewed()
    }

    /// Sets the most tokens that the bucket holds, not counting the reserve.
    ///
    /// # Errors
    ///
    /// If `tokens` is 0.
    pub fn capacity(self, tokens: u32) -> Result<Self, InvalidConfig> {
        if tokens == 0 {
            return Err(InvalidConfig::new("capacity", tokens, "at least 1"));
        }
        Ok(Self { capacity: tokens, initial: self.initial.min(tokens), ..self }.renewed())
    }

    /// Sets how many tokens the bucket starts with, not counting the reserve. They allow retries
    /// before enough requests have deposited, for example if each call of a burst right after the
    /// start fails once. If deposits [age](Self::ttl), the initial tokens age, too.
    ///
    /// Call [`capacity`](Self::capacity) first: it reduces the initial tokens to the new capacity.
    ///
    /// # Errors
    ///
    /// If `tokens` is more than the [`capacity`](Self::capacity), which is 100 unless set.
    pub fn initial(self, tokens: u32) -> Result<Self, InvalidConfig> {
        if tokens > self.capacity {
            return Err(InvalidConfig::new("initial", tokens, "at most the bucket's capacity"));
        }
        Ok(Self { initial: tokens, ..self }.renewed())
    }

    /// Sets how long a deposit lasts, within 1..=60 s. Use it for clients with changing traffic, so
    /// that a burst of requests at night doesn't pay for retries in the morning. Finagle uses 10 s.
    ///
    /// The time is divided into ten slices: a deposit lasts for nine to ten tenths of it. If this
    /// is set, each deposit reads the clock.
    ///
    /// # Errors
    ///
    /// If `ttl` isn't within 1..=60 s.
    pub fn ttl(self, ttl: Duration) -> Result<Self, InvalidConfig> {
        if !(Duration::from_secs(1)..=Duration::from_secs(60)).contains(&ttl) {
            return Err(InvalidConfig::new("ttl", ttl, "within 1..=60 s"));
        }
        Ok(Self { ttl: Some(ttl), ..self }.renewed())
    }

    /// Sets the clock by which the reserve refills and deposits age: tokio's unless set.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        let clock = clock.into();
        Self { epoch: clock.now(), clock, ..self }.renewed()
    }

    /// The bucket with these settings in its first state: with the initial tokens and a full
    /// reserve.
    fn renewed(self) -> Self {
        let deposits = Deposits::new(self.capacity, self.ttl, self.initial);
        let reserve = Reserve::new(self.per_second, self.ttl.unwrap_or(Duration::from_secs(1)));
        Self { deposits, reserve, counts: Counts::new(), ..self }
    }

    // Outlined, because a full bucket doesn't need it.
    #[inline(never)]
    fn put(&self) {
        if self.deposit > 0 {
            self.deposits.put(self.deposit, || self.now());
        }
    }

    /// Nanoseconds since the bucket was made. Half of the range is about 292 years.
    pub(super) fn now(&self) -> u64 {
        let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let read = || match self.clock.now() {
            now if now < self.epoch => -nanos(self.epoch - now),
            now => nanos(now - self.epoch),
        };
        self.set_back.correct::<1_000_000_000>(read, || {})
    }
}

/// A share of 20 % and a reserve of 10 retries per second. It starts with 100 tokens.
impl Default for TokenBucket {
    fn default() -> Self {
        let clock = Clock::default();
        let (capacity, initial, per_second) = (100, 100, 10);
        Self {
            deposit: WHOLE / 5,
            capacity,
            initial,
            ttl: None,
            per_second,
            deposits: Deposits::new(capacity, None, initial),
            reserve: Reserve::new(per_second, Duration::from_secs(1)),
            counts: Counts::new(),
            epoch: clock.now(),
            set_back: SetBack::new(),
            clock,
        }
    }
}

impl Budget for TokenBucket {
    #[inline]
    fn deposit(&self) {
        if !self.deposits.are_full() {
            self.put();
        }
    }

    fn ignores_successes(&self) -> bool {
        true
    }

    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        let from_deposits = self.deposits.take(|| self.now()).map(Token::new);
        let from_reserve = || (!self.reserve.is_none() && self.reserve.take(self.now())).then_some(FROM_RESERVE);
        self.counts.answered(from_deposits.or_else(from_reserve))
    }

    fn refund(&self, token: Token) {
        self.counts.given_back();
        if token == FROM_RESERVE {
            self.reserve.give_back();
        } else {
            self.deposits.give_back(token.value(), || self.now());
        }
    }

    fn description(&self) -> String {
        let Self { deposit, capacity, initial, ttl, per_second, .. } = self;
        let share = *deposit as f64 * 100.0 / WHOLE as f64;
        let ttl = ttl.map(|ttl| format!(", ttl {ttl:?}")).unwrap_or_default();
        format!(
            "TokenBucket: {share} % of the requests + {per_second} per second, capacity {capacity}, initial {initial}{ttl}"
        )
    }

    fn stats(&self) -> BudgetStats {
        let deposited = self.deposits.amount(|| self.now());
        self.counts.stats(deposited + self.reserve.left(self.now()))
    }

    /// The [capacity](TokenBucket::capacity) and the reserve.
    fn max_balance(&self) -> Option<u64> {
        Some(u64::from(self.capacity) + self.reserve.most())
    }
}
