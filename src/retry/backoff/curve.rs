//! The delay of each retry, before jitter and with it.

use std::{fmt, sync::Arc, time::Duration};

use super::Jitter;
use crate::{InvalidConfig, random};

/// The delays before the second attempt, the third, and so on: a curve, a maximum, and a
/// [`Jitter`].
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::retry::{Backoff, Jitter};
///
/// let ms = Duration::from_millis;
/// let backoff = Backoff::exponential(ms(50)).max(ms(300)).jitter(Jitter::None);
/// let delays: Vec<_> = backoff.delays(0).take(4).collect();
/// assert_eq!(delays, [ms(50), ms(100), ms(200), ms(300)]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Backoff {
    curve: Curve,
    max: Duration,
    jitter: Jitter,
}

#[derive(Debug, Clone, PartialEq)]
enum Curve {
    Fixed(Duration),
    Exponential { base: Duration, factor: f64 },
    Linear { first: Duration, step: Duration },
    Schedule(Arc<[Duration]>),
}

impl Backoff {
    const MAX: Duration = Duration::from_secs(60);

    /// No delay.
    ///
    /// *When not to use it*: for a service that may be overloaded. Retries without delay keep it
    /// overloaded.
    pub const fn none() -> Self {
        Self::fixed(Duration::ZERO)
    }

    /// The same delay each time. No maximum and no jitter unless set.
    pub const fn fixed(delay: Duration) -> Self {
        Self { curve: Curve::Fixed(delay), max: Duration::MAX, jitter: Jitter::None }
    }

    /// `base` first, and twice as long each time. At most 60 s and [full jitter](Jitter::Full)
    /// unless set.
    pub const fn exponential(base: Duration) -> Self {
        Self { curve: Curve::Exponential { base, factor: 2.0 }, max: Self::MAX, jitter: Jitter::Full }
    }

    /// `first`, and `step` longer each time. At most 60 s and no jitter unless set.
    pub const fn linear(first: Duration, step: Duration) -> Self {
        Self { curve: Curve::Linear { first, step }, max: Self::MAX, jitter: Jitter::None }
    }

    /// These delays, one after the other; the last one repeats. No maximum and no jitter unless
    /// set.
    ///
    /// # Errors
    ///
    /// If there is no delay.
    pub fn schedule(delays: impl IntoIterator<Item = Duration>) -> Result<Self, InvalidConfig> {
        let delays: Arc<[Duration]> = delays.into_iter().collect();
        if delays.is_empty() {
            return Err(InvalidConfig::new("schedule", delays, "at least one delay"));
        }
        Ok(Self { curve: Curve::Schedule(delays), max: Duration::MAX, jitter: Jitter::None })
    }

    /// The factor by which an exponential delay grows. Default: 2. It has no effect on other
    /// curves.
    ///
    /// # Errors
    ///
    /// If `factor` is below 1 or isn't a finite number.
    pub fn factor(mut self, factor: f64) -> Result<Self, InvalidConfig> {
        if !factor.is_finite() || factor < 1.0 {
            return Err(InvalidConfig::new("factor", factor, "a finite number of at least 1"));
        }
        if let Curve::Exponential { base, .. } = self.curve {
            self.curve = Curve::Exponential { base, factor };
        }
        Ok(self)
    }

    /// The longest delay, jitter included. If it is below the first delay, each delay is this one,
    /// before jitter; [`RetryConfig::validate`](crate::RetryConfig::validate) rejects that.
    pub fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// How the delays are spread at random.
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// The delays of one request, without end. The same seed gives the same delays.
    pub fn delays(&self, seed: u64) -> Delays {
        Delays { backoff: self.clone(), seed, retry: 0, previous: None }
    }

    /// The maximum, if it is below the first delay of the curve.
    pub(in crate::retry) fn max_below_first(&self) -> Option<Duration> {
        (self.max < self.curve.at(0)).then_some(self.max)
    }

    /// The delay before retry number `retry` (0 is the first), after a delay of `previous`.
    /// `random` is from 0 to 1.
    pub(crate) fn delay(&self, retry: u32, previous: Option<Duration>, random: f64) -> Duration {
        let plain = self.curve.at(retry).min(self.jitter.fitted(self.max));
        self.jitter.spread(plain, || self.curve.at(0).min(self.max), previous, random).min(self.max)
    }
}

impl Curve {
    fn at(&self, retry: u32) -> Duration {
        match self {
            Self::Fixed(delay) => *delay,
            // Zero times infinity is NaN, which the overflow rule below would turn into the longest
            // delay.
            Self::Exponential { base, .. } if base.is_zero() => Duration::ZERO,
            Self::Exponential { base, factor } => {
                let times = factor.powi(i32::try_from(retry).unwrap_or(i32::MAX));
                // An overflow, infinity included, exceeds any maximum.
                Duration::try_from_secs_f64(base.as_secs_f64() * times).unwrap_or(Duration::MAX)
            }
            Self::Linear { first, step } => first.saturating_add(step.saturating_mul(retry)),
            Self::Schedule(delays) => {
                let last = delays.len().saturating_sub(1);
                delays.get(last.min(retry as usize)).copied().unwrap_or_default()
            }
        }
    }
}

/// The curve, the maximum and the jitter, such as `exponential: 1s × 2 up to 60s, full jitter`.
impl fmt::Display for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { curve, max, jitter } = self;
        match curve {
            Curve::Fixed(Duration::ZERO) => return f.write_str("none"),
            Curve::Fixed(delay) => write!(f, "fixed: {delay:?}")?,
            Curve::Exponential { base, factor } => write!(f, "exponential: {base:?} × {factor}")?,
            Curve::Linear { first, step } => write!(f, "linear: {first:?} + {step:?}")?,
            Curve::Schedule(delays) => write!(f, "schedule: {delays:?}")?,
        }
        if *max < Duration::MAX {
            write!(f, " up to {max:?}")?;
        }
        write!(f, ", {jitter}")
    }
}

/// The delays of one request. Returned by [`Backoff::delays`].
#[derive(Debug, Clone)]
pub struct Delays {
    backoff: Backoff,
    seed: u64,
    retry: u32,
    previous: Option<Duration>,
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let random = random::unit(&mut random::generator(self.seed, self.retry.into()));
        let delay = self.backoff.delay(self.retry, self.previous, random);
        self.retry = self.retry.saturating_add(1);
        self.previous = Some(delay);
        Some(delay)
    }
}
