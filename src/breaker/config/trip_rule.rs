use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use super::{throttle::AdaptiveThrottle, window::Window};
use crate::{
    InvalidConfig, Ratio,
    breaker::{
        cell::LONGEST,
        micros::micros,
        transition::{CustomTripRule, StateWord},
    },
};

/// When a closed circuit opens.
///
/// | rule | good for | weakness |
/// |---|---|---|
/// | [`ConsecutiveFailures`](Self::ConsecutiveFailures) | low traffic, a dependency that is up or down | a dependency that fails half of the calls may never fail n times in a row |
/// | [`FailureRate`](Self::FailureRate), last N calls | steady traffic, partial failure | bursts of traffic: the last N calls may be from yesterday |
/// | [`FailureRate`](Self::FailureRate), last T of time | bursts of traffic | few calls in T: the minimum isn't reached |
/// | [`SlowCallRate`](Self::SlowCallRate) | a dependency whose answers come too late to be useful | long tails that are normal; two clock reads per call |
/// | [`AdaptiveThrottle`](Self::AdaptiveThrottle) | a dependency that is overloaded, not down; many clients | a dependency that is down for long still gets calls |
/// | [`Custom`](Self::Custom) | conditions that the others don't cover | |
/// | [`Never`](Self::Never) | a breaker that a configuration turns off | it rejects only if you [open](crate::Circuit::force_open) it |
#[derive(Clone)]
#[non_exhaustive]
pub enum TripRule {
    /// A number of failures in a row: with no success in between. Neutral and dropped calls neither
    /// count nor end the row. [`consecutive`](Self::consecutive) and [`lasting`](Self::lasting)
    /// make this rule and check its numbers.
    ConsecutiveFailures {
        /// The number of failures. The circuit counts up to 1,048,575, so a larger number means
        /// 1,048,575.
        failures: NonZeroU32,
        /// The circuit opens at the end of a failed call if the first failure of the row ended at
        /// least this long ago. With zero, the age of the row doesn't matter. With more than 8.9
        /// years, the circuit never opens.
        lasting: Duration,
    },
    /// A share of the calls in the window failed.
    FailureRate {
        /// The circuit opens at this share or more. With 0, one failure is enough.
        failing: Ratio,
        /// The calls of which the share is taken.
        window: Window,
    },
    /// A share of the calls in the window was slow, whether they succeeded or failed. A call that
    /// its caller dropped after `longer_than` was slow, too. Neutral calls don't count.
    SlowCallRate {
        /// A call that takes longer than this is slow.
        longer_than: Duration,
        /// The circuit opens at this share or more. With 0, one slow call is enough.
        share: Ratio,
        /// The calls of which the share is taken.
        window: Window,
    },
    /// Doesn't open the circuit, but rejects each request with a probability that grows with the
    /// share of requests that the service doesn't accept: max(0, (requests − k × accepts) /
    /// (requests + 1)), from Google's *Site Reliability Engineering*, chapter 21. Some requests are
    /// always admitted, so that recovery is noticed.
    ///
    /// Requests that succeeded count as accepted. Requests that were rejected or that failed,
    /// [throttled](crate::FailureKind::Throttled) ones included, count as not accepted. Requests in
    /// flight, neutral and dropped requests don't count. After a long outage, about one request per
    /// window is admitted, and with k = 2 about five times as many with each further window. A
    /// shorter window ([`AdaptiveThrottle::over`]) recovers sooner.
    AdaptiveThrottle(AdaptiveThrottle),
    /// A custom rule over the contents of the window. It shares its window with
    /// [`FailureRate`](Self::FailureRate): if both rules are set, the one added later sets the
    /// window and the minimum for both.
    ///
    /// The circuit evaluates the rule after every call that changes the rule's input, once the
    /// window has reached its [minimum](Window::minimum). With a minimum of 1, it evaluates the
    /// rule from the first call on.
    Custom {
        /// The rule.
        rule: Arc<dyn CustomTripRule>,
        /// The calls whose counts the rule receives.
        window: Window,
    },
    /// No rule. With [`open_when`](crate::BreakerConfig::open_when) it turns the breaker off,
    /// without another type of the stack: the circuit admits all calls, until you [open it by
    /// hand](crate::Circuit::force_open). With [`or_when`](crate::BreakerConfig::or_when) it
    /// changes nothing.
    ///
    /// ```
    /// use tower_recourse::{BreakerConfig, InvalidConfig, breaker::TripRule};
    ///
    /// // The setting of a configuration file: a number of failures in a row, or no breaker.
    /// fn breaker(failures: Option<u32>) -> Result<BreakerConfig, InvalidConfig> {
    ///     let rule = failures.map_or(Ok(TripRule::Never), TripRule::consecutive)?;
    ///     Ok(BreakerConfig::default().open_when(rule))
    /// }
    /// # breaker(None)?;
    /// # Ok::<(), InvalidConfig>(())
    /// ```
    Never,
}

impl TripRule {
    /// Makes a [`TripRule::ConsecutiveFailures`] from a plain number. The circuit opens whatever
    /// the age of the row, unless [`lasting`](Self::lasting) is set.
    ///
    /// # Errors
    ///
    /// If `failures` isn't within 1..=1048575.
    pub fn consecutive(failures: u32) -> Result<Self, InvalidConfig> {
        NonZeroU32::new(failures)
            .filter(|failures| failures.get() <= StateWord::MAX_FAILURES_IN_A_ROW)
            .map(|failures| Self::ConsecutiveFailures { failures, lasting: Duration::ZERO })
            .ok_or_else(|| InvalidConfig::new("consecutive", failures, "within 1..=1048575"))
    }

    /// Opens the circuit only once the row of failures has lasted for this long. So a short fault
    /// that hits many calls at once doesn't open the circuit.
    ///
    /// The circuit opens at the end of a failed call. The row lasts from the end of its first
    /// failure, so a row of one failure has lasted for 0 s. [Cancelled
    /// calls](super::CancelledCalls::FailureIfAll), too, open the circuit only once their row has
    /// lasted for this long.
    ///
    /// The first failure of a row reads the clock and writes one word; each further failure reads
    /// the clock. A success does neither.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::{BreakerConfig, Circuit, State, breaker::TripRule, time::ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let rule = TripRule::consecutive(5)?.lasting(Duration::from_millis(500))?;
    /// let circuit = Circuit::new(BreakerConfig::default().open_when(rule).clock(clock.clone()));
    ///
    /// for _ in 0..100 {
    ///     circuit.try_acquire()?.failure();
    /// }
    /// assert_eq!(circuit.state(), State::Closed, "a hundred calls failed, but within an instant");
    /// clock.advance(Duration::from_millis(500));
    /// circuit.try_acquire()?.failure();
    /// assert_eq!(circuit.state(), State::Open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the rule isn't [`ConsecutiveFailures`](Self::ConsecutiveFailures), or if `time` is more
    /// than 8.9 years.
    pub fn lasting(self, time: Duration) -> Result<Self, InvalidConfig> {
        match self {
            Self::ConsecutiveFailures { failures, .. } if micros(time) <= LONGEST => {
                Ok(Self::ConsecutiveFailures { failures, lasting: time })
            }
            Self::ConsecutiveFailures { .. } => Err(InvalidConfig::new("lasting", time, "at most 8.9 years")),
            _ => Err(InvalidConfig::new("lasting", time, "left out unless the rule is `ConsecutiveFailures`")),
        }
    }

    /// Makes a [`TripRule::Custom`] from a closure.
    pub fn custom(window: Window, rule: impl CustomTripRule) -> Self {
        Self::Custom { rule: Arc::new(rule), window }
    }
}

impl fmt::Debug for TripRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConsecutiveFailures { failures, lasting } if lasting.is_zero() => {
                write!(f, "Consecutive({failures})")
            }
            Self::ConsecutiveFailures { failures, lasting } => write!(f, "Consecutive({failures} lasting {lasting:?})"),
            Self::FailureRate { failing, window } => write!(f, "Ratio({failing:?} of {window:?})"),
            Self::SlowCallRate { longer_than, share, window } => {
                write!(f, "Slow({share:?} over {longer_than:?} of {window:?})")
            }
            Self::AdaptiveThrottle(throttle) => throttle.fmt(f),
            Self::Custom { window, .. } => write!(f, "Custom(over {window:?})"),
            Self::Never => f.write_str("Never"),
        }
    }
}
