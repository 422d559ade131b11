use std::time::Duration;

use super::{
    cancelled_calls::Dropped, open_duration::OpenFor, throttle::Throttle, throttled_calls::ThrottledCalls,
    trip_rule::OpenRule,
};
use crate::{
    Name,
    breaker::{
        micros::micros,
        transition::{Consecutive, Custom, Probing, Rules, Share, Word},
        window::{Shape, Span},
    },
    observe::Observers,
    time::Clock,
};

/// Everything but the classifier.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) name: Name,
    pub(crate) rules: Rules,
    pub(crate) shape: Shape,
    pub(crate) slow_after: Option<Duration>,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) ramp: Duration,
    pub(crate) dropped: Dropped,
    pub(crate) throttled: ThrottledCalls,
    pub(crate) open_for: OpenFor,
    pub(crate) probing: Probing,
    pub(crate) lease: Duration,
    pub(crate) count_calls: bool,
    pub(crate) clock: Clock,
    pub(crate) observers: Observers,
    pub(crate) seed: Option<u64>,
}

impl Settings {
    /// Adds a rule. It replaces one of its own kind.
    pub(super) fn add_rule(&mut self, rule: OpenRule) {
        let Settings { rules, shape, slow_after, throttle, .. } = self;
        match rule {
            OpenRule::Consecutive { failures, lasting } => {
                let failures = failures.get().min(Word::MAX_FAILURES_IN_A_ROW);
                rules.consecutive = Some(Consecutive { failures, lasting: micros(lasting) });
            }
            OpenRule::Ratio { failing, window } => {
                rules.failing = Some(Share { at_least: failing, minimum: window.minimum });
                shape.failures = window.span;
                // The minimum of another window may be more than this one holds.
                if let Some(custom) = &mut rules.custom {
                    custom.minimum = window.minimum;
                }
            }
            OpenRule::Slow { longer_than, share, window } => {
                rules.slow = Some(Share { at_least: share, minimum: window.minimum });
                shape.slow = window.span;
                *slow_after = Some(longer_than);
            }
            OpenRule::Throttle(throttle_rule) => {
                shape.requests = throttle_rule.span;
                *throttle = Some(throttle_rule);
            }
            OpenRule::Custom { rule, window } => {
                rules.custom = Some(Custom { rule, minimum: window.minimum });
                shape.failures = window.span;
                // As above.
                if let Some(share) = &mut rules.failing {
                    share.minimum = window.minimum;
                }
            }
        }
    }

    /// For how many microseconds all calls must have been dropped to count as failures.
    pub(crate) fn silence(&self) -> u64 {
        match self.shape.failures {
            Span::Time { slice, slices } => slice * u64::from(slices),
            Span::None | Span::Calls(_) => 30_000_000,
        }
    }

    /// Whether a rule or the open time needs the time at which a row of failures began.
    pub(crate) fn times_rows(&self) -> bool {
        self.rules.consecutive.is_some_and(|rule| rule.lasting > 0) || self.open_for.needs_failing_time()
    }

    /// With how many failures in the window a good call may open the circuit, if there is one window, and a clock that it knows; otherwise 0.
    pub(crate) fn opens_from(&self) -> u32 {
        let is_alone = matches!(self.shape, Shape { slow: Span::None, requests: Span::None, .. });
        let is_known = self.clock.is_tokio() || matches!(self.shape.failures, Span::Calls(_));
        match &self.rules {
            Rules { failing: Some(share), custom: None, .. } if is_alone && is_known => share.least(),
            _ => 0,
        }
    }
}
