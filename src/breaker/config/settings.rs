//! The settings of a circuit, in the form that it uses.

use std::time::Duration;

use super::{
    cancelled_calls::CancelledCalls, open_duration::OpenDuration, registration::Registration,
    throttle::AdaptiveThrottle, throttled_calls::ThrottledCalls, trip_rule::TripRule,
};
use crate::{
    Name,
    breaker::{
        group::CircuitGroup,
        micros::micros,
        transition::{ConsecutiveThreshold, CustomRule, ProbePolicy, RateThreshold, Rules, StateWord},
        window::{WindowKind, WindowLayout},
    },
    observe::Observers,
    time::Clock,
};

/// All settings but the classifier.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) name: Name,
    pub(crate) rules: Rules,
    pub(crate) layout: WindowLayout,
    pub(crate) slow_after: Option<Duration>,
    pub(crate) throttle: Option<AdaptiveThrottle>,
    pub(crate) slow_start: Duration,
    pub(crate) cancelled: CancelledCalls,
    pub(crate) throttled: ThrottledCalls,
    pub(crate) open_for: OpenDuration,
    pub(crate) probes: ProbePolicy,
    pub(crate) lease: Duration,
    pub(crate) count_all_calls: bool,
    pub(crate) time_calls: bool,
    pub(crate) clock: Clock,
    pub(crate) observers: Observers,
    pub(crate) seed: Option<u64>,
    pub(crate) group: Option<CircuitGroup>,
    pub(crate) registration: Registration,
}

impl Settings {
    /// Adds a rule. It replaces a former rule of the same kind.
    pub(super) fn add_rule(&mut self, rule: TripRule) {
        let Settings { rules, layout, slow_after, throttle, .. } = self;
        match rule {
            TripRule::ConsecutiveFailures { failures, lasting } => {
                let failures = failures.get().min(StateWord::MAX_FAILURES_IN_A_ROW);
                rules.consecutive = Some(ConsecutiveThreshold { failures, lasting: micros(lasting) });
            }
            TripRule::FailureRate { failing, window } => {
                rules.failing = Some(RateThreshold { at_least: failing, minimum: window.minimum });
                layout.failures = window.kind;
                // The minimum of the former window may be more than the new window holds.
                if let Some(custom) = &mut rules.custom {
                    custom.minimum = window.minimum;
                }
            }
            TripRule::SlowCallRate { longer_than, share, window } => {
                rules.slow = Some(RateThreshold { at_least: share, minimum: window.minimum });
                layout.slow = window.kind;
                *slow_after = Some(longer_than);
            }
            TripRule::AdaptiveThrottle(throttle_rule) => {
                layout.requests = throttle_rule.kind;
                *throttle = Some(throttle_rule);
            }
            TripRule::Custom { rule, window } => {
                rules.custom = Some(CustomRule { rule, minimum: window.minimum });
                layout.failures = window.kind;
                // The minimum of the former window may be more than the new window holds.
                if let Some(share) = &mut rules.failing {
                    share.minimum = window.minimum;
                }
            }
            TripRule::Never => {}
        }
    }

    /// How long a row of cancelled calls must have lasted before it counts as failures, in
    /// microseconds.
    pub(crate) fn cancelled_row_time(&self) -> u64 {
        match self.layout.failures {
            WindowKind::Time { slot, slots } => slot * u64::from(slots),
            WindowKind::None | WindowKind::Calls(_) => 30_000_000,
        }
    }

    /// Returns whether a rule or the open time needs the time at which a row of failures began.
    pub(crate) fn times_failure_rows(&self) -> bool {
        self.rules.consecutive.is_some_and(|rule| rule.lasting > 0) || self.open_for.needs_failing_time()
    }

    /// The smallest number of failures in the window at which a success may open the circuit. 0
    /// disables the fast path: if there is another window, a custom rule, or a time window with
    /// another clock than tokio's.
    pub(crate) fn trip_threshold(&self) -> u32 {
        let is_alone = matches!(self.layout, WindowLayout { slow: WindowKind::None, requests: WindowKind::None, .. });
        let is_known = self.clock.is_tokio() || matches!(self.layout.failures, WindowKind::Calls(_));
        match &self.rules {
            Rules { failing: Some(share), custom: None, .. } if is_alone && is_known => share.least(),
            _ => 0,
        }
    }
}
