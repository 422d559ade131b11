//! The rules that open a closed circuit.

use std::{fmt, sync::Arc};

use crate::{
    Ratio,
    breaker::window::{Counts, WindowStats},
};

/// When a closed circuit opens. The first rule that is met opens it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) consecutive: Option<ConsecutiveThreshold>,
    pub(crate) failing: Option<RateThreshold>,
    pub(crate) slow: Option<RateThreshold>,
    pub(crate) custom: Option<CustomRule>,
}

/// This many failures in a row, the first of which ended at least `lasting` microseconds ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConsecutiveThreshold {
    pub(crate) failures: u32,
    pub(crate) lasting: u64,
}

/// A custom rule over the contents of the window, evaluated once the window holds `minimum` calls.
#[derive(Clone)]
pub(crate) struct CustomRule {
    pub(crate) rule: Arc<dyn CustomTripRule>,
    pub(crate) minimum: u32,
}

/// A custom rule. It must be pure and fast, and it must not panic. Closures implement it.
pub trait CustomTripRule: Send + Sync + 'static {
    /// Returns whether the circuit opens. `failures_in_a_row` is the number of failures since the
    /// last success, and `window` holds the contents of the window.
    fn opens(&self, failures_in_a_row: u32, window: &WindowStats) -> bool;
}

impl<F> CustomTripRule for F
where
    F: Fn(u32, &WindowStats) -> bool + Send + Sync + 'static,
{
    fn opens(&self, failures_in_a_row: u32, window: &WindowStats) -> bool {
        self(failures_in_a_row, window)
    }
}

/// A share of the calls in a window, evaluated once the window holds `minimum` calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RateThreshold {
    pub(crate) at_least: Ratio,
    pub(crate) minimum: u32,
}

impl Rules {
    pub(super) fn open(&self, failures_in_a_row: u32, row_lasted: u64, counts: Counts) -> bool {
        self.consecutive.is_some_and(|rule| failures_in_a_row >= rule.failures && row_lasted >= rule.lasting)
            || self.failing.is_some_and(|share| share.is_reached_by(counts.failures, counts.calls))
            || self.slow.is_some_and(|share| share.is_reached_by(counts.slow, counts.timed))
            || self.custom.as_ref().is_some_and(|custom| custom.opens(failures_in_a_row, counts))
    }
}

impl CustomRule {
    fn opens(&self, failures_in_a_row: u32, counts: Counts) -> bool {
        counts.calls >= self.minimum && self.rule.opens(failures_in_a_row, &counts.into())
    }
}

/// Custom rules can't be compared, so only a rule and its clones are equal.
impl PartialEq for CustomRule {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rule, &other.rule) && self.minimum == other.minimum
    }
}

impl fmt::Debug for CustomRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("custom rule")
    }
}

impl RateThreshold {
    /// The smallest number of failed or slow calls that can reach the share, in any window with the
    /// minimum of calls or more.
    pub(crate) fn least(self) -> u32 {
        self.at_least.least_of(self.minimum)
    }

    fn is_reached_by(self, part: u32, whole: u32) -> bool {
        whole >= self.minimum && self.at_least.is_reached_by(part, whole)
    }
}
