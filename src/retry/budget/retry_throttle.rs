use super::{Budget, BudgetStats, Token, counts::Counts, level::Level};
use crate::{FailureKind, Invalid};

/// A gauge of how it goes: each failure takes a token, each success gives back a part of one, and there are no retries while it
/// is half empty. As gRPC's `retryThrottling` (proposal A6).
///
/// It is full at first. Retries cost nothing by themselves: they stop when too much fails, of first attempts or of retries, and
/// begin again when enough succeeds. With a ratio of 0.1 they go on as long as one in eleven attempts fails, or fewer.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`max_tokens`](Self::max_tokens) | 10 | the example of A6: from full, retries stop with the fifth failure |
/// | [`ratio`](Self::ratio) | 0.1 | the example of A6: ten successes make up for a failure |
///
/// Failures that are counted are those that might be retried; a permanent one says nothing about how it goes, and a breaker's
/// rejection isn't one.
///
/// ```
/// use tower_recourse::{RetryConfig, retry::RetryThrottle};
///
/// let config = RetryConfig::default().budget(RetryThrottle::max_tokens(100)?.ratio(0.5)?);
/// # let _ = config;
/// # Ok::<(), tower_recourse::Invalid>(())
/// ```
#[derive(Debug)]
pub struct RetryThrottle {
    /// In thousandths of a token.
    level: Level,
    max: u64,
    ratio: u64,
    counts: Counts,
}

pub(super) const WHOLE: u64 = 1_000;

impl RetryThrottle {
    /// How many tokens there are at most, and at first. A ratio of 0.1 unless set.
    ///
    /// # Errors
    ///
    /// If `tokens` isn't within 1..=1000, as A6 has it.
    pub fn max_tokens(tokens: u32) -> Result<Self, Invalid> {
        if !(1..=1000).contains(&tokens) {
            return Err(Invalid::new("max_tokens", tokens, "within 1..=1000"));
        }
        let max = u64::from(tokens) * WHOLE;
        Ok(Self { level: Level::full(max), max, ..Self::default() })
    }

    /// The part of a token that a success gives. Of its decimals three count, as A6 has it: 0.5466 is 0.546.
    ///
    /// # Errors
    ///
    /// If `ratio` is below 0.001, or not a finite number.
    pub fn ratio(self, ratio: f64) -> Result<Self, Invalid> {
        if !ratio.is_finite() || ratio < 0.001 {
            return Err(Invalid::new("ratio", ratio, "a finite number of at least 0.001"));
        }
        // To the nearest millionth first: 0.57 times 1000 is less than 570 by what a floating point number can't hold.
        Ok(Self { ratio: (ratio.min(1e3) * 1e6).round() as u64 / 1_000, ..self })
    }

    /// How many tokens are left.
    pub fn tokens(&self) -> f64 {
        self.level.amount() as f64 / WHOLE as f64
    }

    pub(super) fn level(&self) -> &Level {
        &self.level
    }

    fn threshold(&self) -> u64 {
        self.max / 2
    }
}

/// The example of A6: 10 tokens, and a ratio of 0.1.
impl Default for RetryThrottle {
    fn default() -> Self {
        let max = 10 * WHOLE;
        Self { level: Level::full(max), max, ratio: WHOLE / 10, counts: Counts::new() }
    }
}

impl Budget for RetryThrottle {
    /// Requests bring nothing by coming.
    fn deposit(&self) {}

    /// Takes nothing: the failure that leads here has been counted.
    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        self.counts.answered((self.level.amount() > self.threshold()).then_some(Token::new(0)))
    }

    fn give_back(&self, _: Token) {
        self.counts.given_back();
    }

    fn succeeded(&self, _: Option<Token>) {
        self.level.put(self.ratio);
    }

    fn failed(&self, kind: FailureKind) {
        if kind != FailureKind::Permanent {
            self.level.drain(WHOLE);
        }
    }

    /// The balance is how many more failures in a row would be retried.
    fn stats(&self) -> BudgetStats {
        let above = self.level.amount().saturating_sub(self.threshold());
        self.counts.stats(above.saturating_sub(1) / WHOLE)
    }
}
