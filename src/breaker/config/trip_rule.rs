use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use super::{throttle::Throttle, window::Window};
use crate::{
    Invalid, Ratio,
    breaker::{
        cell::LONGEST,
        micros::micros,
        transition::{Rule, StateWord},
    },
};

/// When a closed circuit opens.
///
/// | rule | good for | weak where |
/// |---|---|---|
/// | [`Consecutive`](Self::Consecutive) | low traffic, a dependency that is up or down | one that fails half of the time may never fail n times in a row |
/// | [`Ratio`](Self::Ratio), last N calls | steady traffic, partial failure | traffic that comes and goes: the last N calls may be of yesterday |
/// | [`Ratio`](Self::Ratio), last T of time | traffic that comes and goes | few calls in T: the minimum isn't reached |
/// | [`Slow`](Self::Slow) | a dependency that answers too late to be of use | long tails that are normal; two clock reads a call |
/// | [`Throttle`](Self::Throttle) | a dependency that is overloaded, not down; many clients | something that is down for long is still asked |
/// | [`Custom`](Self::Custom) | what these can't say | |
#[derive(Clone)]
#[non_exhaustive]
pub enum OpenRule {
    /// So many failures in a row, over so much time. Calls judged neutral, and dropped ones,
    /// neither count nor break the row. [`consecutive`](Self::consecutive) and
    /// [`lasting`](Self::lasting) make it and check its numbers.
    Consecutive {
        /// At least so many. No more than 1,048,575 are counted, so a larger number means that
        /// many.
        failures: NonZeroU32,
        /// The circuit opens at the end of a failed call if the first failure of the row ended at
        /// least this long ago. Zero: no matter how long ago. With more than 8.9 years it never
        /// opens.
        lasting: Duration,
    },
    /// This share or more of the window's calls failed.
    Ratio {
        /// The share. With 0, one of them is enough.
        failing: Ratio,
        /// Of which calls.
        window: Window,
    },
    /// This share or more of the window's calls took longer than they should, whether they succeeded or not: one that was given up by
    /// its caller after that time was slow too. Those judged neutral don't count.
    Slow {
        /// A call that takes longer than this is slow.
        longer_than: Duration,
        /// The share. With 0, one of them is enough.
        share: Ratio,
        /// Of which calls.
        window: Window,
    },
    /// Doesn't open the circuit, but rejects each call with a probability that grows with the share of calls that the service
    /// doesn't accept: max(0, (requests − k × accepts) / (requests + 1)), from Google's *Site Reliability Engineering*,
    /// chapter 21. Some calls always get through, so that recovery is seen.
    ///
    /// Requests are those that were rejected, those that came back with a success, which are the
    /// accepted ones, and those that came back with a failure,
    /// [throttled](crate::FailureKind::Throttled) ones included.
    /// Calls that are on their way, neutral and dropped ones don't count. After a long outage about one call a window gets
    /// through, and with k = 2 some five times as many with each window that follows: a shorter window
    /// ([`Throttle::over`]) recovers sooner.
    Throttle(Throttle),
    /// A rule of one's own over what the window holds. It shares its window with [`Ratio`](Self::Ratio): of two, the one given last
    /// counts for both, its minimum included.
    ///
    /// The rule is asked after every call that changes what it is told, as soon as the window has seen its
    /// [minimum](Window::minimum): with a minimum of 1, after the first.
    Custom {
        /// The rule.
        rule: Arc<dyn Rule>,
        /// Over which calls.
        window: Window,
    },
}

impl OpenRule {
    /// [`OpenRule::Consecutive`] from a plain number. However long the row has lasted, unless
    /// [`lasting`](Self::lasting) is set.
    ///
    /// # Errors
    ///
    /// If `failures` isn't within 1..=1048575.
    pub fn consecutive(failures: u32) -> Result<Self, Invalid> {
        NonZeroU32::new(failures)
            .filter(|failures| failures.get() <= StateWord::MAX_FAILURES_IN_A_ROW)
            .map(|failures| Self::Consecutive { failures, lasting: Duration::ZERO })
            .ok_or_else(|| Invalid::new("consecutive", failures, "within 1..=1048575"))
    }

    /// Opens only once the row of failures has lasted for this long: a short fault that hits many
    /// calls at once doesn't open the circuit.
    ///
    /// The circuit opens at the end of a failed call. The row lasts from the end of its first
    /// failure, so a row of one failure has lasted for no time. Calls that are
    /// [dropped](super::Dropped::FailureIfAll) open the circuit once their row has lasted for this
    /// long, too.
    ///
    /// The first failure of a row reads the clock and writes one word; each further failure reads
    /// the clock. A success does neither.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::{BreakerConfig, Circuit, State, breaker::OpenRule, time::ManualClock};
    ///
    /// let clock = ManualClock::new();
    /// let rule = OpenRule::consecutive(5)?.lasting(Duration::from_millis(500))?;
    /// let circuit = Circuit::new(BreakerConfig::default().open_when(rule).clock(clock.clone()));
    ///
    /// for _ in 0..100 {
    ///     circuit.admit()?.failure();
    /// }
    /// assert_eq!(circuit.state(), State::Closed, "a hundred calls failed, but within an instant");
    /// clock.advance(Duration::from_millis(500));
    /// circuit.admit()?.failure();
    /// assert_eq!(circuit.state(), State::Open);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the rule isn't [`Consecutive`](Self::Consecutive), or `time` is more than 8.9 years.
    pub fn lasting(self, time: Duration) -> Result<Self, Invalid> {
        match self {
            Self::Consecutive { failures, .. } if micros(time) <= LONGEST => {
                Ok(Self::Consecutive { failures, lasting: time })
            }
            Self::Consecutive { .. } => Err(Invalid::new("lasting", time, "at most 8.9 years")),
            _ => Err(Invalid::new("lasting", time, "that of a rule for consecutive failures")),
        }
    }

    /// [`OpenRule::Custom`] from a closure.
    pub fn custom(window: Window, rule: impl Rule) -> Self {
        Self::Custom { rule: Arc::new(rule), window }
    }
}

impl fmt::Debug for OpenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consecutive { failures, lasting } if lasting.is_zero() => write!(f, "Consecutive({failures})"),
            Self::Consecutive { failures, lasting } => write!(f, "Consecutive({failures} lasting {lasting:?})"),
            Self::Ratio { failing, window } => write!(f, "Ratio({failing:?} of {window:?})"),
            Self::Slow { longer_than, share, window } => {
                write!(f, "Slow({share:?} over {longer_than:?} of {window:?})")
            }
            Self::Throttle(throttle) => throttle.fmt(f),
            Self::Custom { window, .. } => write!(f, "Custom(over {window:?})"),
        }
    }
}
