use std::time::Duration;

use rand::rngs::SmallRng;

use crate::{Invalid, Ratio, random};

/// For how long an opened circuit stays open.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{Ratio, breaker::OpenFor};
///
/// // 1 s, then 2 s, 4 s … up to 100 s while it doesn't recover; each 10 % longer or shorter at random.
/// let open_for = OpenFor::growing(Duration::from_secs(1))
///     .factor(2.0)?
///     .max(Duration::from_secs(100))
///     .jitter(Ratio::percent(10)?);
/// # let _ = open_for;
/// # Ok::<(), tower_recourse::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenFor {
    base: Duration,
    growth: Growth,
    max: Duration,
    jitter: Option<Ratio>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Growth {
    None,
    /// Times this much with each opening in a row.
    Factor(f64),
    /// The k-th opening in a row lasts k times the base.
    Linear,
}

impl OpenFor {
    /// The same time, always.
    pub const fn fixed(time: Duration) -> Self {
        Self { base: time, growth: Growth::None, max: Duration::MAX, jitter: None }
    }

    /// `base` the first time, and twice as long each time it opens again without having closed; at most 5 minutes.
    pub const fn growing(base: Duration) -> Self {
        Self { base, growth: Growth::Factor(2.0), max: Duration::from_secs(300), jitter: None }
    }

    /// The k-th opening in a row lasts k × `base`; at most 5 minutes. This is how Envoy ejects hosts.
    pub const fn stepwise(base: Duration) -> Self {
        Self { base, growth: Growth::Linear, max: Duration::from_secs(300), jitter: None }
    }

    /// By how much each opening in a row is longer than the one before.
    ///
    /// # Errors
    ///
    /// If `factor` is below 1, or not a finite number.
    pub fn factor(self, factor: f64) -> Result<Self, Invalid> {
        if !factor.is_finite() || factor < 1.0 {
            return Err(Invalid::new("factor", factor, "a finite number of at least 1"));
        }
        Ok(Self { growth: Growth::Factor(factor), ..self })
    }

    /// The longest that it stays open, jitter included.
    pub const fn max(self, max: Duration) -> Self {
        Self { max, ..self }
    }

    /// Each time is longer or shorter by up to this share at random, so that many clients of one service don't come
    /// back at the same moment.
    pub const fn jitter(self, jitter: Ratio) -> Self {
        Self { jitter: Some(jitter), ..self }
    }

    /// The first opening's time, without jitter.
    pub fn base(&self) -> Duration {
        self.base.min(self.max)
    }

    /// The time of the `streak`-th opening in a row.
    pub(crate) fn time(&self, streak: u8, generator: &mut SmallRng) -> Duration {
        let before = i32::from(streak.max(1)) - 1;
        let grown = match self.growth {
            Growth::None => self.base,
            Growth::Linear => self.base.saturating_mul(u32::from(streak.max(1))),
            // Without this, nothing times infinity is not a number, and would pass for an overflow.
            Growth::Factor(_) if self.base.is_zero() => Duration::ZERO,
            Growth::Factor(factor) => times(self.base, factor.powi(before)),
        };
        let jittered = match self.jitter {
            None => grown,
            Some(share) => {
                let spread = share.as_f64() * (2.0 * random::unit(generator) - 1.0);
                times(grown.min(self.max), 1.0 + spread)
            }
        };
        jittered.min(self.max)
    }
}

/// Saturates instead of panicking on overflow.
fn times(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}
