//! All metrics of jobs.

use ::metrics::Recorder;
use tower_recourse::metrics::{
    Metric,
    MetricKind::{Counter, Gauge, Histogram},
};

macro_rules! metrics {
    ($($id:ident: $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        $(pub(super) const $id: &Metric = &Metric::new($name, $kind, &[$($label),*], $help);)*

        /// All metrics, in the order of the [table](crate::metrics#table).
        pub const METRICS: &[Metric] = &[$(*$id),*];
    };
}

metrics! {
    JOBS: "recourse_jobs", Gauge, ["state"],
        "Jobs in the queue. dead: jobs that failed for good, until they are requeued or purged. Each process that publishes the queue reports the same numbers.";
    LATE: "recourse_jobs_late_seconds", Gauge, [],
        "How long the job that has been due longest has been due. 0 if no job is due.";
    CLAIMS: "recourse_jobs_claims_total", Counter, ["outcome"],
        "Claims of a job by this process that have ended. postponed: a circuit rejected the call. crashed: the call panicked. lease_lost: the outcome wasn't recorded.";
    ATTEMPTS: "recourse_jobs_attempts_total", Counter, ["attempt", "outcome"],
        "Attempts of jobs whose outcome was recorded, by the number of the attempt. Attempt 1 of a deferred job is usually that of the front.";
    DEAD: "recourse_jobs_dead_total", Counter, ["reason"],
        "Jobs that failed for good, by the reason.";
    TIME_TO_SUCCESS: "recourse_jobs_time_to_success_seconds", Histogram, [],
        "The time from storing a job to its success.";
    DELAY: "recourse_jobs_delay_seconds", Histogram, [],
        "Delays between a failed attempt and the next one.";
    QUEUE_ERRORS: "recourse_jobs_queue_errors_total", Counter, [],
        "Operations of the queue that failed in a worker, or while its metrics were published.";
}

/// Passes the types, units and help texts of all metrics to a recorder.
pub(super) fn describe_to(recorder: &dyn Recorder) {
    for metric in METRICS {
        metric.describe(recorder);
    }
}
