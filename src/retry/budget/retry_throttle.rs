use super::{Budget, BudgetStats, Token, counts::Counts, level::Level};
use crate::{FailureKind, InvalidConfig, description::counted};

/// A throttle that stops retries while too many attempts fail: each failure takes a token, each
/// success adds a part of one, and there are no retries while the bucket is at most half full. It
/// follows gRPC's `retryThrottling` (proposal A6).
///
/// The bucket starts full. Retries cost nothing. They stop when too many attempts fail, first
/// attempts or retries, and start again when enough succeed. With a ratio of 0.1, retries go on as
/// long as at most one in eleven attempts fails.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`max_tokens`](Self::max_tokens) | 10 | the example of A6: from a full bucket, retries stop with the fifth failure |
/// | [`ratio`](Self::ratio) | 0.1 | the example of A6: ten successes make up for one failure |
///
/// The throttle counts failures that could be retried. It counts neither permanent failures, which
/// show nothing about the service's health, nor rejections by a breaker.
///
/// ```
/// use tower_recourse::{RetryConfig, retry::RetryThrottle};
///
/// let config = RetryConfig::default().budget(RetryThrottle::max_tokens(100)?.ratio(0.5)?);
/// # let _ = config;
/// # Ok::<(), tower_recourse::InvalidConfig>(())
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
    /// Makes a full bucket with this many tokens, and a ratio of 0.1 unless set.
    ///
    /// # Errors
    ///
    /// If `tokens` isn't within 1..=1000, the range of A6.
    pub fn max_tokens(tokens: u32) -> Result<Self, InvalidConfig> {
        if !(1..=1000).contains(&tokens) {
            return Err(InvalidConfig::new("max_tokens", tokens, "within 1..=1000"));
        }
        let max = u64::from(tokens) * WHOLE;
        Ok(Self { level: Level::full(max), max, ..Self::default() })
    }

    /// Sets the part of a token that a success adds. Three decimals count, as in A6: 0.5466 is
    /// 0.546.
    ///
    /// # Errors
    ///
    /// If `ratio` is below 0.001, or not a finite number.
    pub fn ratio(self, ratio: f64) -> Result<Self, InvalidConfig> {
        if !ratio.is_finite() || ratio < 0.001 {
            return Err(InvalidConfig::new("ratio", ratio, "a finite number of at least 0.001"));
        }
        // Rounded to a millionth first: 0.57 * 1000 is less than 570 in floating point.
        Ok(Self { ratio: (ratio.min(1e3) * 1e6).round() as u64 / 1_000, ..self })
    }

    /// How many tokens the bucket holds.
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

/// The example of A6: 10 tokens and a ratio of 0.1.
impl Default for RetryThrottle {
    fn default() -> Self {
        let max = 10 * WHOLE;
        Self { level: Level::full(max), max, ratio: WHOLE / 10, counts: Counts::new() }
    }
}

impl Budget for RetryThrottle {
    /// Requests deposit nothing.
    fn deposit(&self) {}

    /// Takes nothing: `on_failure` has already counted the failure.
    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        self.counts.answered((self.level.amount() > self.threshold()).then_some(Token::new(0)))
    }

    fn refund(&self, _: Token) {
        self.counts.given_back();
    }

    fn on_success(&self, _: Option<Token>) {
        self.level.put(self.ratio);
    }

    fn on_failure(&self, kind: FailureKind) {
        if kind != FailureKind::Permanent {
            self.level.drain(WHOLE);
        }
    }

    fn description(&self) -> String {
        let Self { level: _, max, ratio, counts: _ } = self;
        let [max, ratio] = [max, ratio].map(|thousandths| *thousandths as f64 / WHOLE as f64);
        format!("RetryThrottle: {}, ratio {ratio}", counted(max, "token", "tokens"))
    }

    /// The balance is the number of further failures in a row that would be retried.
    fn stats(&self) -> BudgetStats {
        let above = self.level.amount().saturating_sub(self.threshold());
        self.counts.stats(above.saturating_sub(1) / WHOLE)
    }

    /// The number of failures after which a full bucket refuses the next retry.
    fn max_balance(&self) -> Option<u64> {
        Some(self.level.capacity().saturating_sub(self.threshold()).saturating_sub(1) / WHOLE)
    }
}
