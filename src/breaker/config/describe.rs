//! A configuration as text.

use std::{fmt, time::Duration};

use super::{
    breaker_config::BreakerConfig,
    cancelled_calls::CancelledCalls,
    open_duration::{Growth, OpenDuration},
    settings::Settings,
    throttle::AdaptiveThrottle,
    throttled_calls::ThrottledCalls,
};
use crate::{
    Name,
    breaker::{
        transition::{CloseCondition, HalfOpenTimeout, ProbePolicy, Rules},
        window::{WindowKind, WindowLayout},
    },
    description::{Description, counted, type_name},
};

impl<C> BreakerConfig<C> {
    /// The settings as text, for snapshots in tests, for logs and for dashboards.
    ///
    /// ```
    /// use tower_recourse::BreakerConfig;
    ///
    /// assert_eq!(BreakerConfig::default().describe().to_string(), "\
    /// name: breaker
    /// consecutive_failures: 5, the first at least 500ms old
    /// failure_rate: none
    /// slow_call_rate: none
    /// custom_rule: none
    /// adaptive_throttle: none
    /// open_for: 10 % of the failing time, at least 100ms, at most 2s, jitter ±20 %
    /// probes: one per open time, the first success closes
    /// probe_lease: 30s
    /// max_half_open: none
    /// slow_start: 0ns
    /// on_cancelled: failure while every call is dropped
    /// on_throttled: neutral
    /// count_all_calls: no
    /// time_calls: no
    /// clock: tokio
    /// observers: 1
    /// seed: random
    /// group: none
    /// classifier: ErrorClassifier
    /// ");
    /// ```
    ///
    /// With the feature `tracing`, one observer is there by default.
    pub fn describe(&self) -> Description {
        let Self { settings, classifier: _ } = self;
        let mut described = settings.describe(&settings.name);
        described.add("classifier", type_name::<C>());
        described
    }
}

impl Settings {
    /// The settings of the circuit `name` as text, without the classifier.
    pub(crate) fn describe(&self, name: &Name) -> Description {
        // Every field is listed, so that a new setting doesn't compile without a description.
        let Self {
            name: _,
            rules: Rules { consecutive, failing, slow, custom },
            layout: WindowLayout { failures: failure_window, slow: slow_window, requests: _ },
            slow_after,
            throttle,
            slow_start,
            cancelled,
            throttled,
            open_for,
            probes,
            lease,
            count_all_calls,
            time_calls,
            clock,
            observers,
            seed,
            group,
            registration: _,
        } = self;
        let mut described = Description::new();
        described.add_name(name);
        let consecutive = consecutive.map(|rule| match rule.lasting {
            0 => format!("{}", rule.failures),
            lasting => format!("{}, the first at least {:?} old", rule.failures, Duration::from_micros(lasting)),
        });
        described.add_optional("consecutive_failures", consecutive);
        let rate = |at_least, window, minimum| format!("{at_least} of {}, minimum {minimum}", ShownWindow(window));
        let failing = failing.map(|rule| rate(rule.at_least, *failure_window, rule.minimum));
        described.add_optional("failure_rate", failing);
        let slow = slow.zip(*slow_after).map(|(rule, slow_after)| {
            format!("{}, slow after {slow_after:?}", rate(rule.at_least, *slow_window, rule.minimum))
        });
        described.add_optional("slow_call_rate", slow);
        let custom = custom.as_ref();
        let custom = custom.map(|rule| format!("over {}, minimum {}", ShownWindow(*failure_window), rule.minimum));
        described.add_optional("custom_rule", custom);
        let throttle = throttle.map(|AdaptiveThrottle { k, kind }| format!("k = {k} over {}", ShownWindow(kind)));
        described.add_optional("adaptive_throttle", throttle);
        described.add("open_for", open_for);
        described.add("probes", probes);
        described.add_time("probe_lease", *lease);
        let limit = probes.limit.map(|(micros, then)| {
            let then = match then {
                HalfOpenTimeout::Open => "open",
                HalfOpenTimeout::Close => "closed",
            };
            format!("{:?}, then {then}", Duration::from_micros(micros))
        });
        described.add_optional("max_half_open", limit);
        described.add_time("slow_start", *slow_start);
        described.add("on_cancelled", cancelled);
        described.add("on_throttled", throttled);
        described.add("count_all_calls", if *count_all_calls { "yes" } else { "no" });
        described.add("time_calls", if *time_calls { "yes" } else { "no" });
        described.add("clock", if clock.is_tokio() { "tokio" } else { "manual" });
        described.add("observers", observers.len());
        described.add_seed(*seed);
        described.add_optional("group", group.as_ref());
        described
    }
}

/// Such as `the last 100 calls`.
struct ShownWindow(WindowKind);

impl fmt::Display for ShownWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            WindowKind::None => f.write_str("no calls"),
            WindowKind::Calls(calls) => write!(f, "the last {}", counted(calls, "call", "calls")),
            WindowKind::Time { slot, slots } => {
                let time = Duration::from_micros(slot.saturating_mul(slots.into()));
                write!(f, "the last {time:?} in {slots} slots")
            }
        }
    }
}

/// Such as `1s × 2, at most 300s, no jitter`.
impl fmt::Display for OpenDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, growth, min, max: _, jitter, requested_max } = self;
        match growth {
            Growth::None if *base == Duration::MAX => f.write_str("until reset")?,
            Growth::None => write!(f, "{base:?}")?,
            Growth::Factor(factor) => write!(f, "{base:?} × {factor}")?,
            Growth::Linear => write!(f, "{base:?} × the openings in a row")?,
            Growth::OfFailingTime(share) => write!(f, "{share} of the failing time, at least {min:?}")?,
            Growth::By(_) => f.write_str("a function")?,
        }
        if self.longest() < Duration::MAX {
            write!(f, ", at most {:?}", self.longest())?;
        }
        if let Some(share) = jitter {
            write!(f, ", jitter ±{share}")?;
        }
        match requested_max {
            Some(at_most) => write!(f, ", or as requested, at most {at_most:?}"),
            None => Ok(()),
        }
    }
}

/// Without the half-open timeout.
impl fmt::Display for ProbePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_concurrent, closes_on, limit: _, external_only } = self;
        match closes_on {
            CloseCondition::Trickle => f.write_str("one per open time, the first success closes")?,
            CloseCondition::Successes(needed) => {
                let successes = counted(*needed, "success closes", "successes close");
                write!(f, "{successes}, at most {max_concurrent} in flight")?;
            }
            CloseCondition::FailureRate { of, failing } => {
                let results = counted(*of, "result", "results");
                write!(f, "of {results}, {failing} failures reopen, at most {max_concurrent} in flight")?;
            }
        }
        f.write_str(if *external_only { ", health probes only" } else { "" })
    }
}

impl fmt::Display for CancelledCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FailureIfAll => f.write_str("failure while every call is dropped"),
            Self::Neutral => f.write_str("neutral"),
            Self::Failure => f.write_str("failure"),
            Self::FailureAfter(time) => write!(f, "failure after {time:?}"),
        }
    }
}

impl fmt::Display for ThrottledCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Neutral => "neutral",
            Self::Failure => "failure",
        })
    }
}
