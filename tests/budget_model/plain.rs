//! Models of the token buckets: plain numbers, one thread, no optimisation.

use std::{collections::BTreeMap, time::Duration};

use tower_recourse::FailureKind;

pub(crate) trait Plain {
    fn deposit(&mut self) {}
    fn withdraw(&mut self, kind: FailureKind) -> Option<u64>;
    fn give_back(&mut self, token: u64);
    fn succeeded(&mut self, _: Option<u64>) {}
    fn failed(&mut self) {}
    fn wait(&mut self, _: Duration) {}
    fn balance(&self) -> u64;
}

const RESERVE: u64 = u64::MAX;

/// The model of `min_per_second`: a credit of nanoseconds. A retry costs `each` nanoseconds, and
/// the credit never exceeds `most`.
struct Reserve {
    credit: u128,
    most: u128,
    each: u128,
}

impl Reserve {
    fn new(per_second: u32, over: Duration) -> Self {
        let each = if per_second == 0 { 0 } else { 1_000_000_000_u128.div_ceil(per_second.into()) };
        let most = each * (u128::from(per_second) * over.as_millis() / 1_000);
        Self { credit: most, most, each }
    }

    fn left(&self) -> u64 {
        self.credit.checked_div(self.each).unwrap_or(0) as u64
    }

    fn pick(&mut self) -> bool {
        let has = self.left() > 0;
        self.credit -= if has { self.each } else { 0 };
        has
    }

    fn add(&mut self, nanos: u128) {
        self.credit = self.most.min(self.credit + nanos);
    }
}

/// A `TokenBucket` without a TTL: deposits stay until they are withdrawn. Amounts are in millionths
/// of a token.
pub(crate) struct Lasting {
    deposit: u64,
    tokens: u64,
    capacity: u64,
    reserve: Reserve,
}

impl Lasting {
    pub(crate) fn new(deposit: u64, capacity: u32, reserve: u32) -> Self {
        let reserve = Reserve::new(reserve, Duration::from_secs(1));
        Self { deposit, tokens: 0, capacity: u64::from(capacity) * 1_000_000, reserve }
    }
}

impl Plain for Lasting {
    fn deposit(&mut self) {
        self.tokens = self.capacity.min(self.tokens + self.deposit);
    }

    fn withdraw(&mut self, _: FailureKind) -> Option<u64> {
        if self.tokens >= 1_000_000 {
            self.tokens -= 1_000_000;
            return Some(0);
        }
        self.reserve.pick().then_some(RESERVE)
    }

    fn give_back(&mut self, token: u64) {
        if token == RESERVE {
            self.reserve.add(self.reserve.each);
        } else {
            self.tokens = self.capacity.min(self.tokens + 1_000_000);
        }
    }

    fn wait(&mut self, time: Duration) {
        self.reserve.add(time.as_nanos());
    }

    fn balance(&self) -> u64 {
        self.tokens / 1_000_000 + self.reserve.left()
    }
}

/// A `TokenBucket` with a TTL: counts whole tokens by slice. A slice is the tenth of the TTL in
/// which they were deposited.
pub(crate) struct Ring {
    deposit: u64,
    fraction: u64,
    tokens: BTreeMap<u128, u64>,
    capacity: u64,
    reserve: Reserve,
    tenth: u128,
    now: u128,
}

impl Ring {
    pub(crate) fn new(deposit: u64, capacity: u32, reserve: u32, ttl: Duration) -> Self {
        Self {
            deposit,
            fraction: 0,
            tokens: BTreeMap::new(),
            capacity: capacity.into(),
            reserve: Reserve::new(reserve, ttl),
            tenth: ttl.as_nanos() / 10,
            now: 0,
        }
    }

    fn slice(&self) -> u128 {
        self.now / self.tenth
    }

    fn held(&self) -> u64 {
        self.tokens.values().sum()
    }

    fn take_oldest(&mut self) -> Option<u128> {
        let (&slice, tokens) = self.tokens.iter_mut().find(|(_, tokens)| **tokens > 0)?;
        *tokens -= 1;
        Some(slice)
    }
}

impl Plain for Ring {
    fn deposit(&mut self) {
        let (slice, fair) = (self.slice(), self.capacity.div_ceil(10));
        let newest = *self.tokens.entry(slice).or_default();
        if self.held() == self.capacity && newest >= fair {
            return;
        }
        let more = self.fraction + self.deposit;
        self.fraction = more % 1_000_000;
        for nth in 0..more / 1_000_000 {
            // If the bucket is full, a deposit replaces an older token until the newest slice holds
            // a tenth of the capacity.
            let may_take = nth < fair.saturating_sub(newest);
            if self.held() < self.capacity
                || (may_take && self.tokens.keys().next() < Some(&slice) && self.older(slice))
            {
                *self.tokens.entry(slice).or_default() += 1;
            }
        }
    }

    fn withdraw(&mut self, _: FailureKind) -> Option<u64> {
        match self.take_oldest() {
            Some(slice) => Some(slice as u64),
            None => self.reserve.pick().then_some(RESERVE),
        }
    }

    fn give_back(&mut self, token: u64) {
        if token == RESERVE {
            self.reserve.add(self.reserve.each);
        } else if u128::from(token) + 10 > self.slice() && self.held() < self.capacity {
            *self.tokens.entry(token.into()).or_default() += 1;
        }
    }

    fn wait(&mut self, time: Duration) {
        self.reserve.add(time.as_nanos());
        self.now += time.as_nanos();
        let now = self.slice();
        self.tokens.retain(|slice, _| slice + 10 > now);
    }

    fn balance(&self) -> u64 {
        self.held() + self.reserve.left()
    }
}

impl Ring {
    /// Removes the oldest token from before this slice. Returns whether there was one.
    fn older(&mut self, slice: u128) -> bool {
        let older = self.tokens.range_mut(..slice).find(|(_, tokens)| **tokens > 0);
        older.map(|(_, tokens)| *tokens -= 1).is_some()
    }
}

/// A `CostBucket`, the budget of the AWS SDKs.
pub(crate) struct Costs {
    tokens: u64,
    capacity: u64,
    costs: [u32; 3],
    first: u64,
}

impl Costs {
    pub(crate) fn new(capacity: u32, costs: [u32; 3], first: u32) -> Self {
        Self { tokens: capacity.into(), capacity: capacity.into(), costs, first: first.into() }
    }
}

impl Plain for Costs {
    fn withdraw(&mut self, kind: FailureKind) -> Option<u64> {
        let [transient, throttled, timed_out] = self.costs;
        let cost = match kind {
            FailureKind::Throttled => throttled,
            FailureKind::TimedOut => timed_out,
            _ => transient,
        };
        let cost = u64::from(cost);
        self.tokens = self.tokens.checked_sub(cost)?;
        Some(cost)
    }

    fn give_back(&mut self, token: u64) {
        self.tokens = self.capacity.min(self.tokens + token);
    }

    fn succeeded(&mut self, paid: Option<u64>) {
        self.give_back(paid.unwrap_or(self.first));
    }

    fn balance(&self) -> u64 {
        self.tokens / u64::from(self.costs[0])
    }
}

/// A `RetryThrottle`, the budget of gRPC. Amounts are in thousandths of a token.
pub(crate) struct Throttle {
    tokens: u64,
    max: u64,
    ratio: u64,
}

impl Throttle {
    pub(crate) fn new(max: u32, thousandths: u32) -> Self {
        let max = u64::from(max) * 1_000;
        Self { tokens: max, max, ratio: thousandths.into() }
    }
}

impl Plain for Throttle {
    fn withdraw(&mut self, _: FailureKind) -> Option<u64> {
        (2 * self.tokens > self.max).then_some(0)
    }

    fn give_back(&mut self, _: u64) {}

    fn succeeded(&mut self, _: Option<u64>) {
        self.tokens = self.max.min(self.tokens + self.ratio);
    }

    fn failed(&mut self) {
        self.tokens = self.tokens.saturating_sub(1_000);
    }

    /// How many failures the throttle can take before it refuses retries, counted one by one.
    fn balance(&self) -> u64 {
        let mut left = self.tokens;
        std::iter::from_fn(|| {
            left = left.checked_sub(1_000)?;
            (2 * left > self.max).then_some(())
        })
        .count() as u64
    }
}
