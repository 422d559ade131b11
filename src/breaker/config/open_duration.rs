use std::{fmt, sync::Arc, time::Duration};

use rand::rngs::SmallRng;

use super::open_context::OpenContext;
use crate::{InvalidConfig, Ratio, random};

/// How long an opened circuit stays open.
///
/// | time | [`factor`](Self::factor) | default [`max`](Self::max) | [`jitter`](Self::jitter) |
/// |---|---|---|---|
/// | [`fixed`](Self::fixed) | an error | none | yes |
/// | [`exponential`](Self::exponential) | 2 by default | 5 minutes | yes |
/// | [`linear`](Self::linear) | an error | 5 minutes | yes |
/// | [`share_of_failing_time`](Self::share_of_failing_time) | an error | 2 s | yes |
/// | [`from_fn`](Self::from_fn) a function | an error | none | yes |
/// | [`until_reset`](Self::until_reset) | an error | none | only with a `max` |
///
/// Each of them can [honor the delay that the server requests](Self::honor_retry_after). A time of
/// more than 8.9 years never ends.
///
/// A retry around the breaker waits its backoff, also if its own failure has opened the circuit for
/// longer. The circuit then rejects the next attempt. With a backoff of 1 s, a fallback answers
/// this request 1 s late, and later requests at once.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{Ratio, breaker::OpenDuration};
///
/// // 1 s, then 2 s, 4 s … up to 100 s until it recovers; each up to 10 % longer or shorter at random.
/// let open_for = OpenDuration::exponential(Duration::from_secs(1))
///     .factor(2.0)?
///     .max(Duration::from_secs(100))
///     .jitter(Ratio::percent(10)?);
/// # let _ = open_for;
/// # Ok::<(), tower_recourse::InvalidConfig>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenDuration {
    /// The time of the first opening.
    pub(super) base: Duration,
    pub(super) growth: Growth,
    /// The shortest time, for `Growth::OfFailingTime`.
    pub(super) min: Duration,
    /// The longest time, if set.
    pub(super) max: Option<Duration>,
    pub(super) jitter: Option<Ratio>,
    /// The longest time that the server may request.
    pub(super) requested_max: Option<Duration>,
}

#[derive(Clone)]
pub(super) enum Growth {
    None,
    /// Multiplies the time by this factor with each opening in a row.
    Factor(f64),
    /// The k-th opening in a row lasts k times the base.
    Linear,
    /// This share of the time for which calls have been failing.
    OfFailingTime(Ratio),
    By(Arc<dyn Fn(OpenContext) -> Duration + Send + Sync>),
}

impl OpenDuration {
    /// The same time at every opening. With zero, the circuit is half-open at once;
    /// [`BreakerConfig::validate`](crate::BreakerConfig::validate) rejects that.
    pub const fn fixed(time: Duration) -> Self {
        Self::new(time, Growth::None)
    }

    /// `base` at first, and twice as long with each opening in a row; at most 5 minutes unless
    /// [`max`](Self::max) is set.
    pub const fn exponential(base: Duration) -> Self {
        Self::new(base, Growth::Factor(2.0))
    }

    /// The k-th opening in a row lasts k × `base`; at most 5 minutes unless [`max`](Self::max) is
    /// set. Envoy's outlier detection does the same.
    pub const fn linear(base: Duration) -> Self {
        Self::new(base, Growth::Linear)
    }

    /// A share of the time for which calls have been failing: from the first failure of the row
    /// that opened the circuit until this opening. At least 100 ms unless [`min`](Self::min) is
    /// set, and at most 2 s unless [`max`](Self::max) is set.
    ///
    /// After a fault has ended, the circuit stays open for at most about this share of the fault's
    /// duration. So callers of a short fault wait little longer, and a long fault causes few
    /// probes. The time is measured across all openings until the circuit closes. If a window opens
    /// the circuit, the time is measured from the first of the failures in a row before the
    /// opening, if there are any, and otherwise from the opening.
    ///
    /// To measure this time, the first failure of a row reads the clock and writes one word of
    /// memory; each further failure reads the clock. A success does neither.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::{Ratio, breaker::OpenDuration};
    ///
    /// // An upstream that has been failing for 10 s is tried again after 1 s; for 30 s, after 2 s.
    /// let open_for = OpenDuration::share_of_failing_time(Ratio::percent(10)?);
    /// assert_eq!(open_for.base(), Duration::from_millis(100));
    /// # Ok::<(), tower_recourse::InvalidConfig>(())
    /// ```
    pub const fn share_of_failing_time(share: Ratio) -> Self {
        let mut open_for = Self::new(Self::SHORTEST_SHARE, Growth::OfFailingTime(share));
        open_for.min = Self::SHORTEST_SHARE;
        open_for
    }

    /// Until the circuit is [reset](crate::Circuit::reset), or a success is
    /// [reported](crate::Circuit::report_success). For failures that an operator must investigate.
    pub const fn until_reset() -> Self {
        Self::new(Duration::MAX, Growth::None)
    }

    /// A time that a function computes. It must be fast and pure, and it must not panic. The
    /// circuit calls it at every opening, and this constructor calls it once for the [first
    /// opening's time](Self::base).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::breaker::{OpenDuration, OpenContext};
    ///
    /// // Longer, the more of the calls failed.
    /// let open_for = OpenDuration::from_fn(|opening: OpenContext| Duration::from_secs(10).mul_f64(1.0 + opening.failing.unwrap_or(0.0)));
    /// # let _ = open_for;
    /// ```
    pub fn from_fn(time: impl Fn(OpenContext) -> Duration + Send + Sync + 'static) -> Self {
        let first = time(OpenContext { in_a_row: 1, failing: None, failing_for: Duration::ZERO, requested: None });
        Self::new(first, Growth::By(Arc::new(time)))
    }

    const FIVE_MINUTES: Duration = Duration::from_secs(300);

    /// At this interval, recovery from the shortest faults is noticed quickly, and an upstream gets
    /// at most ten probes per second.
    const SHORTEST_SHARE: Duration = Duration::from_millis(100);

    /// At this interval, recovery from the longest faults is noticed quickly. A longer interval
    /// would save an upstream less than one probe per second.
    const LONGEST_SHARE: Duration = Duration::from_secs(2);

    const fn new(base: Duration, growth: Growth) -> Self {
        Self { base, growth, min: Duration::ZERO, max: None, jitter: None, requested_max: None }
    }

    /// Opens for as long as the opening failure requests
    /// ([`Verdict::retry_after`](crate::Verdict::retry_after)), but never for longer than
    /// `at_most`, nor than [`max`](Self::max) if that is set. Jitter isn't added. Without a
    /// request, or with a request of zero, the configured time applies.
    ///
    /// By default, throttled calls (429, or 503 with a `Retry-After`) are neutral, so they don't
    /// open the circuit. With [`ThrottledCalls::Failure`](super::ThrottledCalls::Failure), set by
    /// [`BreakerConfig::on_throttled`](crate::BreakerConfig::on_throttled), they count as failures.
    pub const fn honor_retry_after(mut self, at_most: Duration) -> Self {
        self.requested_max = Some(at_most);
        self
    }

    /// Sets the factor of an [exponential](Self::exponential) time: each opening in a row lasts
    /// longer than the one before by this factor.
    ///
    /// # Errors
    ///
    /// If `factor` is below 1 or not finite, or if the time isn't exponential.
    pub fn factor(self, factor: f64) -> Result<Self, InvalidConfig> {
        if !factor.is_finite() || factor < 1.0 {
            return Err(InvalidConfig::new("factor", factor, "a finite number of at least 1"));
        }
        match self.growth {
            Growth::Factor(_) => Ok(Self { growth: Growth::Factor(factor), ..self }),
            _ => Err(InvalidConfig::new("factor", factor, "left out unless the time is a growing one")),
        }
    }

    /// Sets the shortest time of a [share of the failing time](Self::share_of_failing_time), before
    /// jitter. The default is 100 ms. A shorter [`max`](Self::max) that is set later takes
    /// precedence.
    ///
    /// # Errors
    ///
    /// If `min` is more than the longest time, which is 2 s unless `max` was set before, or if the
    /// time isn't a share of the failing time.
    pub fn min(self, min: Duration) -> Result<Self, InvalidConfig> {
        match self.growth {
            Growth::OfFailingTime(_) if min > self.longest() => {
                Err(InvalidConfig::new("min", min, "at most the longest time"))
            }
            Growth::OfFailingTime(_) => Ok(Self { base: min, min, ..self }),
            _ => Err(InvalidConfig::new("min", min, "left out unless the time is a share of the failing time")),
        }
    }

    /// Sets the longest time that the circuit stays open, jitter included. It limits every kind of
    /// time: with [`until_reset`](Self::until_reset), the circuit becomes half-open after it.
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = Some(max);
        self
    }

    /// Makes each time longer or shorter by up to this share at random, so that the clients of one
    /// service don't return at the same moment. A [share of the failing
    /// time](Self::share_of_failing_time) is then at most `max / (1 + jitter)` before jitter, so
    /// that jitter also spreads the longest times.
    pub const fn jitter(mut self, jitter: Ratio) -> Self {
        self.jitter = Some(jitter);
        self
    }

    /// The time of the first opening, without jitter.
    pub fn base(&self) -> Duration {
        self.base.min(self.longest())
    }

    /// The time that a failure requests, if the settings honor it.
    pub(crate) fn requested_time(&self, requested: Option<Duration>) -> Option<Duration> {
        // A requested delay of zero is ignored; otherwise the circuit wouldn't open at all.
        let (requested, at_most) = requested.filter(|requested| !requested.is_zero()).zip(self.requested_max)?;
        Some(requested.min(at_most).min(self.max.unwrap_or(Duration::MAX)))
    }

    /// The open time of this opening.
    pub(crate) fn time(&self, opening: OpenContext, generator: &mut SmallRng) -> Duration {
        if let Some(requested) = self.requested_time(opening.requested) {
            return requested;
        }
        let streak = opening.in_a_row.max(1);
        let before = i32::try_from(streak - 1).unwrap_or(i32::MAX);
        let grown = match &self.growth {
            Growth::By(time) => time(opening),
            Growth::None => self.base,
            Growth::Linear => self.base.saturating_mul(streak),
            Growth::OfFailingTime(share) => times(opening.failing_for, share.as_f64()).max(self.min),
            // Without this arm, zero times infinity would be NaN, and `times` would return its
            // value for an overflow.
            Growth::Factor(_) if self.base.is_zero() => Duration::ZERO,
            Growth::Factor(factor) => times(self.base, factor.powi(before)),
        };
        let capped = grown.min(self.longest_mean());
        match self.jitter {
            // An infinite time stays infinite.
            Some(share) if capped < Duration::MAX => {
                let spread = share.as_f64() * (2.0 * random::unit(generator) - 1.0);
                times(capped, 1.0 + spread).min(self.longest())
            }
            _ => capped,
        }
    }

    pub(super) const fn longest(&self) -> Duration {
        match (self.max, &self.growth) {
            (Some(max), _) => max,
            (None, Growth::Factor(_) | Growth::Linear) => Self::FIVE_MINUTES,
            (None, Growth::OfFailingTime(_)) => Self::LONGEST_SHARE,
            (None, Growth::None | Growth::By(_)) => Duration::MAX,
        }
    }

    /// The cap before jitter. Every long fault drives a share of the failing time to its cap. This
    /// cap leaves room below `longest()`, so that jitter still spreads the clients.
    fn longest_mean(&self) -> Duration {
        match (&self.growth, self.jitter) {
            (Growth::OfFailingTime(_), Some(share)) => times(self.longest(), 1.0 / (1.0 + share.as_f64())),
            _ => self.longest(),
        }
    }

    /// Returns whether the open time depends on how long calls have been failing.
    pub(crate) const fn needs_failing_time(&self) -> bool {
        matches!(self.growth, Growth::OfFailingTime(_) | Growth::By(_))
    }
}

/// Saturates instead of panicking on overflow.
fn times(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

impl fmt::Debug for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Factor(factor) => write!(f, "times {factor}"),
            Self::Linear => f.write_str("linear"),
            Self::OfFailingTime(share) => write!(f, "{share:?} of the failing time"),
            Self::By(_) => f.write_str("by a function"),
        }
    }
}
