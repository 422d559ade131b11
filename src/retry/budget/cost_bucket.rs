use super::{Budget, BudgetStats, Token, counts::Counts, level::Level};
use crate::{FailureKind, InvalidConfig};

/// A bucket of tokens, as in the AWS SDKs. Retries take tokens, and successes add some. The cost of
/// a retry depends on the kind of failure.
///
/// The bucket starts full. A retry takes its cost, which is returned if the retry succeeds. A
/// request that succeeds at its first attempt adds a token. So retries cost nothing as long as they
/// succeed. When they fail, the bucket runs empty. Then a retry is possible once enough requests
/// have succeeded at their first attempt to pay its cost. Time doesn't refill the bucket.
///
/// | setting | [`aws_2_0`](Self::aws_2_0) | [`aws_2_1`](Self::aws_2_1) | |
/// |---|---|---|---|
/// | capacity | 500 | 500 | |
/// | [`cost`](Self::cost) of a retry after a transient failure | 5 | 14 | the number of first-attempt successes that pay for one retry |
/// | after a timeout | 10 | 14 | the attempt has used the server for a long time, and may still be running there |
/// | after a throttled call | 5 | 5 | |
/// | [`first_success`](Self::first_success) | 1 | 1 | |
///
/// ```
/// use tower_recourse::{FailureKind, RetryConfig, retry::CostBucket};
///
/// let bucket = CostBucket::capacity(100)?.cost(FailureKind::TimedOut, 20)?;
/// assert_eq!(bucket.tokens(), 100);
/// let config = RetryConfig::default().budget(bucket);
/// # let _ = config;
/// # Ok::<(), tower_recourse::InvalidConfig>(())
/// ```
#[derive(Debug)]
pub struct CostBucket {
    tokens: Level,
    transient: u32,
    throttled: u32,
    timed_out: u32,
    first_success: u32,
    counts: Counts,
}

impl CostBucket {
    /// Makes a full bucket with this capacity in tokens, and with the costs of
    /// [`aws_2_0`](Self::aws_2_0) unless set.
    ///
    /// # Errors
    ///
    /// If `tokens` is 0.
    pub fn capacity(tokens: u32) -> Result<Self, InvalidConfig> {
        if tokens == 0 {
            return Err(InvalidConfig::new("capacity", tokens, "at least 1"));
        }
        Ok(Self { tokens: Level::full(tokens.into()), ..Self::aws_2_0() })
    }

    /// The retry quota of the AWS SDKs' standard mode, first version.
    pub fn aws_2_0() -> Self {
        Self {
            tokens: Level::full(500),
            transient: 5,
            throttled: 5,
            timed_out: 10,
            first_success: 1,
            counts: Counts::new(),
        }
    }

    /// The retry quota of the AWS SDKs' standard mode, second version: retries cost more.
    pub fn aws_2_1() -> Self {
        Self { transient: 14, timed_out: 14, ..Self::aws_2_0() }
    }

    /// Sets what a retry costs after a failure of this kind. With a cost above the capacity, such
    /// failures are never retried.
    ///
    /// # Errors
    ///
    /// If `tokens` is 0, because free retries aren't limited, or if failures of this kind are never
    /// retried.
    pub fn cost(self, kind: FailureKind, tokens: u32) -> Result<Self, InvalidConfig> {
        if tokens == 0 {
            return Err(InvalidConfig::new("cost", tokens, "at least 1"));
        }
        match kind {
            FailureKind::Transient => Ok(Self { transient: tokens, ..self }),
            FailureKind::Throttled => Ok(Self { throttled: tokens, ..self }),
            FailureKind::TimedOut => Ok(Self { timed_out: tokens, ..self }),
            FailureKind::Permanent | FailureKind::Rejected => {
                Err(InvalidConfig::new("kind", kind, "one that is retried: Transient, Throttled or TimedOut"))
            }
        }
    }

    /// Sets how many tokens a request adds that succeeds at its first attempt. With 0, tokens that
    /// were spent on failed retries never come back.
    pub fn first_success(self, tokens: u32) -> Self {
        Self { first_success: tokens, ..self }
    }

    /// How many tokens the bucket holds.
    pub fn tokens(&self) -> u32 {
        // At most the capacity, which is a `u32`.
        self.tokens.amount() as u32
    }

    pub(super) fn level(&self) -> &Level {
        &self.tokens
    }

    fn cost_of(&self, kind: FailureKind) -> u64 {
        let cost = match kind {
            FailureKind::Throttled => self.throttled,
            FailureKind::TimedOut => self.timed_out,
            FailureKind::Transient | FailureKind::Permanent | FailureKind::Rejected => self.transient,
        };
        cost.into()
    }
}

/// The same as [`aws_2_0`](CostBucket::aws_2_0).
impl Default for CostBucket {
    fn default() -> Self {
        Self::aws_2_0()
    }
}

impl Budget for CostBucket {
    /// Requests deposit nothing.
    fn deposit(&self) {}

    fn withdraw(&self, kind: FailureKind) -> Option<Token> {
        let cost = self.cost_of(kind);
        self.counts.answered(self.tokens.take(cost).then_some(Token::new(cost)))
    }

    fn refund(&self, token: Token) {
        self.counts.given_back();
        self.tokens.put(token.value());
    }

    fn on_success(&self, paid: Option<Token>) {
        self.tokens.put(paid.map_or(self.first_success.into(), Token::value));
    }

    fn description(&self) -> String {
        let Self { tokens, transient, throttled, timed_out, first_success, counts: _ } = self;
        format!(
            "CostBucket: capacity {}, costs {transient} (transient), {throttled} (throttled), {timed_out} (timed out), \
             {first_success} per first success",
            tokens.capacity()
        )
    }

    /// The balance is the number of retries after transient failures. See
    /// [`tokens`](CostBucket::tokens) for the tokens.
    fn stats(&self) -> BudgetStats {
        self.counts.stats(self.tokens.amount() / self.cost_of(FailureKind::Transient))
    }

    /// The number of retries of transient failures that a full bucket pays for.
    fn max_balance(&self) -> Option<u64> {
        Some(self.tokens.capacity() / self.cost_of(FailureKind::Transient))
    }
}
