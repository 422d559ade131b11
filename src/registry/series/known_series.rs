//! Counters that start at 0.

#[cfg(any(feature = "retry", feature = "fallback"))]
use {
    crate::metrics::{Sample, table},
    ::metrics::Label,
};

#[cfg(feature = "retry")]
use crate::registry::RetryReading;

/// The most retries of a request whose counters start at 0.
#[cfg(feature = "retry")]
const RETRIES: u32 = 3;

/// What the series of all retries with one name have in common.
#[cfg(feature = "retry")]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    /// The limit of retries.
    retries: u32,
    /// Whether first attempts that succeed are counted.
    first_attempts: bool,
}

#[cfg(feature = "retry")]
impl Known {
    pub(super) fn add(&mut self, retry: &RetryReading) {
        self.retries = self.retries.max(retry.retries);
        self.first_attempts |= retry.reports_requests;
    }
}

/// Lets the counters of a retry appear, so that PromQL's `increase` includes the first event.
/// Counters of rare events appear with the first one: later attempts, and other reasons and causes.
#[cfg(feature = "retry")]
pub(super) fn of_retry(labels: &[Label], known: Known, to: &mut Vec<Sample>) {
    use crate::metrics::attempt_label;

    let zero = |metric| Sample::add(metric, labels.to_vec(), 0);
    for attempt in (2..).take(known.retries.min(RETRIES) as usize).map(attempt_label) {
        for reason in ["transient", "timed_out", "throttled"] {
            to.push(zero(table::RETRIES).with_label("attempt", attempt).with_label("reason", reason));
        }
        to.push(zero(table::REQUESTS_SUCCEEDED).with_label("attempt", attempt));
    }
    if known.first_attempts {
        to.push(zero(table::REQUESTS_SUCCEEDED).with_label("attempt", attempt_label(1)));
    }
    for cause in ["attempts_exhausted", "permanent", "budget", "deadline", "rejected"] {
        to.push(zero(table::REQUESTS_FAILED).with_label("cause", cause));
    }
    to.extend([zero(table::TRANSPARENT_RETRIES), zero(table::REJECTION_WAITS)]);
}

/// As [`of_retry`], for a fallback.
#[cfg(feature = "fallback")]
pub(super) fn of_fallback(labels: &[Label], to: &mut Vec<Sample>) {
    for cause in ["failure", "permanent", "attempts_exhausted", "rejected"] {
        for outcome in ["success", "failure"] {
            let zero = Sample::add(table::FALLBACKS, labels.to_vec(), 0);
            to.push(zero.with_label("cause", cause).with_label("outcome", outcome));
        }
    }
}
