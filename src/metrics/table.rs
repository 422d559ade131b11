//! All metrics.

use ::metrics::Recorder;

use super::{
    Metric,
    MetricKind::{Counter, Gauge, Histogram},
};

macro_rules! metrics {
    ($($id:ident: $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        $(pub(crate) const $id: &Metric = &Metric::new($name, $kind, &[$($label),*], $help);)*

        /// All metrics, in the order of the [table](crate::metrics#table).
        pub const METRICS: &[Metric] = &[$(*$id),*];
    };
}

metrics! {
    CIRCUIT_STATE: "recourse_circuit_state", Gauge, ["state"],
        "1 for the current state, 0 for the others. closed: calls are admitted; open: they are rejected; half_open: a few probes test whether the service is back. If several circuits share the name, the worst state.";
    CIRCUIT_MODE: "recourse_circuit_mode", Gauge, ["mode"],
        "Whether the circuit is in this mode: 1 or 0.";
    CIRCUIT_CALLS: "recourse_circuit_calls_total", Counter, ["outcome"],
        "Calls that the circuit admitted, by outcome. A request with 3 attempts makes 3 calls. Successes are counted only with count_all_calls.";
    CIRCUIT_REJECTIONS: "recourse_circuit_rejections_total", Counter, [],
        "Calls that the circuit rejected. A request with 3 attempts makes 3 calls.";
    CIRCUIT_FAILING: "recourse_circuit_failing_seconds", Gauge, [],
        "How long the circuit has been open or half-open since it was closed last. 0 while it is closed.";
    CIRCUIT_WINDOW_CALLS: "recourse_circuit_window_calls", Gauge, [],
        "Calls in the window. While the circuit is half-open, the probes that have ended.";
    CIRCUIT_FAILURE_RATIO: "recourse_circuit_failure_ratio", Gauge, [],
        "Failures among the calls in the window, from 0 to 1.";
    CIRCUIT_SLOW_RATIO: "recourse_circuit_slow_ratio", Gauge, [],
        "Slow calls among the calls in the window, from 0 to 1.";
    CIRCUIT_TRANSITIONS: "recourse_circuit_transitions_total", Counter, ["from", "to"],
        "Changes of the circuit's state. From half_open to open: a probe failed. From half_open to closed: the service is back.";
    KEYED_CIRCUITS: "recourse_keyed_circuits", Gauge, [],
        "Circuits of the keyed breaker.";
    KEYED_OPEN: "recourse_keyed_circuits_open", Gauge, [],
        "Open circuits of the keyed breaker.";
    KEYED_CAPACITY: "recourse_keyed_capacity", Gauge, [],
        "The largest number of circuits that the keyed breaker stores.";
    KEYED_EVICTIONS: "recourse_keyed_evictions_total", Counter, [],
        "Circuits that the keyed breaker evicted to make room for new keys.";
    BUDGET_TOKENS: "recourse_budget_tokens", Gauge, [],
        "Retries that the retry budget could pay for now. At 0, failures aren't retried.";
    BUDGET_CAPACITY: "recourse_budget_capacity", Gauge, [],
        "The largest value of recourse_budget_tokens.";
    BUDGET_WITHDRAWALS: "recourse_budget_withdrawals_total", Counter, [],
        "Retries that the budget paid for.";
    BUDGET_REFUSALS: "recourse_budget_refusals_total", Counter, [],
        "Retries that the budget refused to pay.";
    QUOTA_RETRIES: "recourse_quota_retries", Gauge, [],
        "Retries of all keys that the quota has counted.";
    QUOTA_KEYS: "recourse_quota_keys", Gauge, [],
        "Keys that the quota remembers.";
    RETRIES: "recourse_retries_total", Counter, ["attempt", "reason"],
        "Retries, by the number of the attempt that they make: 2 is the first retry.";
    TRANSPARENT_RETRIES: "recourse_transparent_retries_total", Counter, [],
        "Requests that were sent again because the server had refused the stream.";
    REJECTION_WAITS: "recourse_rejection_waits_total", Counter, [],
        "Attempts that waited because a breaker had rejected them for a short time.";
    REQUESTS_SUCCEEDED: "recourse_requests_succeeded_total", Counter, ["attempt"],
        "Requests that succeeded, by the attempt that did. Attempt 1 is counted only with report_requests.";
    REQUESTS_FAILED: "recourse_requests_failed_total", Counter, ["cause"],
        "Requests whose last attempt failed, by the reason why there was no further attempt. rejected: a circuit or a limiter rejected the attempt. A fallback may have answered the caller.";
    TIME_TO_SUCCESS: "recourse_time_to_success_seconds", Histogram, [],
        "The duration of requests that succeeded, with their retries. Needs report_requests.";
    RETRY_DELAY: "recourse_retry_delay_seconds", Histogram, [],
        "Delays before retries.";
    REQUEST_DURATION: "recourse_request_duration_seconds", Histogram, ["outcome"],
        "The duration of requests with their retries. Needs report_requests.";
    FALLBACKS: "recourse_fallbacks_total", Counter, ["cause", "outcome"],
        "Calls of the backup, by why the primary failed and by the backup's outcome. rejected: a circuit or a limiter rejected the call.";
}

/// Passes the types, units and help texts of all metrics to the current recorder.
///
/// [`Registry::publish`](crate::Registry::publish) does it, too, so only a program without a
/// registry needs this function. Call it after the recorder is installed.
pub fn describe() {
    ::metrics::with_recorder(describe_to);
}

/// Passes the types, units and help texts of all metrics to a recorder.
pub(crate) fn describe_to(recorder: &dyn Recorder) {
    for metric in METRICS {
        metric.describe(recorder);
    }
}
