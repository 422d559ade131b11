use std::{num::NonZeroU32, time::Duration};

use super::{
    rule::{Rules, Share},
    window::{MAX_CALLS, Shape},
};
use crate::{Invalid, Ratio};

/// When a closed circuit opens.
///
/// | rule | good for | weak where |
/// |---|---|---|
/// | [`Consecutive`](Self::Consecutive) | low traffic, a dependency that is up or down | a dependency that fails half of the time may never fail n times in a row |
/// | [`Ratio`](Self::Ratio) | steady traffic, partial failure | few calls: the minimum must be reached first |
/// | [`Slow`](Self::Slow) | a dependency that answers too late to be of use | needs two clock reads a call |
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum OpenRule {
    /// So many failures in a row. Calls judged neutral, and dropped ones, neither count nor break the row.
    Consecutive(NonZeroU32),
    /// This share or more of the window's calls failed.
    Ratio {
        /// The share.
        failing: Ratio,
        /// Of which calls.
        window: Window,
    },
    /// This share or more of the window's calls took longer than they should, whether they failed or not.
    Slow {
        /// A call that takes longer than this is slow.
        longer_than: Duration,
        /// The share.
        share: Ratio,
        /// Of which calls.
        window: Window,
    },
}

impl OpenRule {
    /// [`OpenRule::Consecutive`] from a plain number.
    ///
    /// # Errors
    ///
    /// If `failures` is 0.
    pub fn consecutive(failures: u32) -> Result<Self, Invalid> {
        NonZeroU32::new(failures)
            .map(Self::Consecutive)
            .ok_or_else(|| Invalid::new("consecutive failures", failures, "at least 1"))
    }

    pub(crate) fn add_to(self, rules: &mut Rules, shape: &mut Shape, slow_after: &mut Option<Duration>) {
        match self {
            Self::Consecutive(failures) => {
                rules.consecutive = Some(failures.get().min(super::cell::MAX_FAILURES_IN_A_ROW));
            }
            Self::Ratio { failing, window } => {
                rules.failing = Some(Share { at_least: failing, minimum: window.minimum.into() });
                shape.failures = window.calls;
            }
            Self::Slow { longer_than, share, window } => {
                rules.slow = Some(Share { at_least: share, minimum: window.minimum.into() });
                shape.slow = window.calls;
                *slow_after = Some(longer_than);
            }
        }
    }
}

/// Which calls a share is taken of: the last N, sliding with every call. It says nothing before it has seen its minimum.
///
/// ```
/// use tower_recourse::breaker::Window;
///
/// let window = Window::count(100)?.minimum(20)?;
/// assert_eq!(
///     Window::count(0).unwrap_err().to_string(),
///     "`window` is 0, but must be within 1..=4096 calls",
/// );
/// # let _ = window;
/// # Ok::<(), tower_recourse::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    calls: u16,
    minimum: u16,
}

impl Window {
    /// The last `calls` calls, of which all must have been seen before a share of them counts; see
    /// [`minimum`](Self::minimum).
    ///
    /// # Errors
    ///
    /// If `calls` isn't within 1..=4096.
    pub fn count(calls: u32) -> Result<Self, Invalid> {
        match u16::try_from(calls) {
            Ok(calls @ 1..=MAX_CALLS) => Ok(Self { calls, minimum: calls }),
            _ => Err(Invalid::new("window", calls, "within 1..=4096 calls")),
        }
    }

    /// How many calls must have been seen before a share of them counts. With too few, one failure of two calls would
    /// be a half.
    ///
    /// # Errors
    ///
    /// If `calls` is 0, or more than the window holds.
    pub fn minimum(self, calls: u32) -> Result<Self, Invalid> {
        match u16::try_from(calls) {
            Ok(minimum) if minimum >= 1 && minimum <= self.calls => Ok(Self { minimum, ..self }),
            _ => Err(Invalid::new("minimum", calls, "at least 1, and at most the calls of the window")),
        }
    }
}
