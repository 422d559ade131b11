use std::time::Duration;

use super::{
    Budget, BudgetStats, Token,
    counts::Counts,
    deposits::{Deposits, WHOLE},
    reserve::Reserve,
};
use crate::{
    FailureKind, Invalid,
    time::{Clock, Instant, SetBack},
};

/// A share of the traffic, and a reserve of retries a second for those who have little. As in Finagle.
///
/// Every request puts its share of a token in, every retry takes a whole one out. What is put in is kept up to a capacity,
/// and for a time if one is set; a bucket that is full is read and not written. When it is empty, the reserve is asked, which
/// refills with time.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`share`](Self::share) | 0.2 | Finagle's; the service sees at most 1.2 times the demand |
/// | [`reserve`](Self::reserve) | 10 a second | Finagle's; a client with five requests a minute may still retry them |
/// | [`capacity`](Self::capacity) | 100 | the burst after a long healthy time stays small next to a service's queue |
/// | [`initial`](Self::initial) | 100 in [`default()`](Self::default), 0 after [`share`](Self::share) | a burst of single failures right after the start doesn't use it up; the AWS SDKs' bucket starts with 100 retries, too |
/// | [`ttl`](Self::ttl) | none: deposits don't age | to age them, each deposit must read the clock, which costs more than the rest of it; the capacity bounds what is stale |
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

/// No slice has this number: at the end of half the clock's range they are far from it.
const FROM_RESERVE: Token = Token::new(u64::MAX);

impl TokenBucket {
    /// A bucket into which each request puts `share` of a token: 0.2 allows one retry for five requests, 2.0 two retries
    /// for each. Counted in billionths, so 0.6 is 0.6. 10 retries a second in reserve unless set. It holds no tokens at first, unless
    /// [`initial`](Self::initial) is set.
    ///
    /// # Errors
    ///
    /// If `share` isn't 0 or within 0.000000001..=1000.
    pub fn share(share: f64) -> Result<Self, Invalid> {
        let deposit = (share * WHOLE as f64).round();
        let is_lost = share > 0.0 && share < 1.0 / WHOLE as f64;
        if is_lost || !(0.0..=1000.0).contains(&share) {
            return Err(Invalid::new("share", share, "0, or within 0.000000001..=1000"));
        }
        Ok(Self { deposit: deposit as u64, initial: 0, ..Self::default() }.renewed())
    }

    /// How many retries a second are allowed beside the share; 0 for none. What comes in one second is held, or, if deposits
    /// [age](Self::ttl), what comes in their time.
    pub fn reserve(self, per_second: u32) -> Self {
        Self { per_second, ..self }.renewed()
    }

    /// How many tokens are kept at most, besides the reserve.
    ///
    /// # Errors
    ///
    /// If `tokens` is 0.
    pub fn capacity(self, tokens: u32) -> Result<Self, Invalid> {
        if tokens == 0 {
            return Err(Invalid::new("capacity", tokens, "at least 1"));
        }
        Ok(Self { capacity: tokens, initial: self.initial.min(tokens), ..self }.renewed())
    }

    /// How many tokens it holds at first, besides the reserve. They allow retries before enough requests have deposited: right after the
    /// start, a burst of calls may fail once each. If deposits [age](Self::ttl), these do as well.
    ///
    /// [`capacity`](Self::capacity) cuts them to what there is room for, so call it first.
    ///
    /// # Errors
    ///
    /// If `tokens` is more than the [`capacity`](Self::capacity), which is 100 unless set.
    pub fn initial(self, tokens: u32) -> Result<Self, Invalid> {
        if tokens > self.capacity {
            return Err(Invalid::new("initial", tokens, "at most the bucket's capacity"));
        }
        Ok(Self { initial: tokens, ..self }.renewed())
    }

    /// Lets what requests put in age: after this time it is void. For clients whose traffic comes and goes: a burst of requests
    /// at night doesn't pay for the retries of the morning. Finagle's is 10 s.
    ///
    /// The time is cut in ten: a deposit holds for nine to ten tenths of it. While deposits age, each of them reads the clock.
    ///
    /// # Errors
    ///
    /// If `ttl` isn't within 1..=60 s.
    pub fn ttl(self, ttl: Duration) -> Result<Self, Invalid> {
        if !(Duration::from_secs(1)..=Duration::from_secs(60)).contains(&ttl) {
            return Err(Invalid::new("ttl", ttl, "within 1..=60 s"));
        }
        Ok(Self { ttl: Some(ttl), ..self }.renewed())
    }

    /// The clock by which the reserve refills and deposits age: tokio's unless set.
    pub fn clock(self, clock: impl Into<Clock>) -> Self {
        let clock = clock.into();
        Self { epoch: clock.now(), clock, ..self }.renewed()
    }

    /// With these settings, in its first state: with the initial tokens and a full reserve.
    fn renewed(self) -> Self {
        let deposits = Deposits::new(self.capacity, self.ttl, self.initial);
        let reserve = Reserve::new(self.per_second, self.ttl.unwrap_or(Duration::from_secs(1)));
        Self { deposits, reserve, counts: Counts::new(), ..self }
    }

    // Not in line: while all is well, there is no room.
    #[inline(never)]
    fn put(&self) {
        if self.deposit > 0 {
            self.deposits.put(self.deposit, || self.now());
        }
    }

    /// Nanoseconds since the bucket was made. Half of the range is some 292 years.
    pub(super) fn now(&self) -> u64 {
        let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let read = || match self.clock.now() {
            now if now < self.epoch => -nanos(self.epoch - now),
            now => nanos(now - self.epoch),
        };
        self.set_back.correct::<1_000_000_000>(read, || {})
    }
}

/// 20 % and 10 a second. It starts with 100 tokens.
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

    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        let from_deposits = self.deposits.take(|| self.now()).map(Token::new);
        let from_reserve = || (!self.reserve.is_none() && self.reserve.take(self.now())).then_some(FROM_RESERVE);
        self.counts.answered(from_deposits.or_else(from_reserve))
    }

    fn give_back(&self, token: Token) {
        self.counts.given_back();
        if token == FROM_RESERVE {
            self.reserve.give_back();
        } else {
            self.deposits.give_back(token.value(), || self.now());
        }
    }

    fn stats(&self) -> BudgetStats {
        let deposited = self.deposits.amount(|| self.now());
        self.counts.stats(deposited + self.reserve.left(self.now()))
    }
}
