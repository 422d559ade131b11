//! Counters that start at 0.

#[cfg(any(feature = "retry", feature = "fallback"))]
use {
    crate::metrics::{Sample, table},
    ::metrics::Label,
};

/// The most retries of a request whose counters start at 0.
#[cfg(feature = "retry")]
const RETRIES: u32 = 3;

/// Lets the counters of a retry appear, so that PromQL's `increase` includes the first event.
/// Counters of rare events appear with the first one: later attempts, and other reasons and causes.
#[cfg(feature = "retry")]
pub(super) fn of_retry(labels: &[Label], retries: u32, to: &mut Vec<Sample>) {
    use crate::metrics::attempt_label;

    let zero = |metric| Sample::add(metric, labels.to_vec(), 0);
    for attempt in (2..).take(retries.min(RETRIES) as usize).map(attempt_label) {
        for reason in ["transient", "timed_out", "throttled"] {
            to.push(zero(table::RETRIES).with_label("attempt", attempt).with_label("reason", reason));
        }
        to.push(zero(table::REQUESTS_SUCCEEDED).with_label("attempt", attempt));
    }
    for cause in ["attempts_exhausted", "permanent", "budget", "deadline", "rejected"] {
        to.push(zero(table::REQUESTS_STOPPED).with_label("cause", cause));
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
