//! Bounds of histogram buckets.

/// The upper bounds of buckets for the duration of requests with their retries, in seconds: 5 ms to
/// 5 min. Prometheus' defaults end at 10 s, and a retry may take longer.
///
/// They suit `recourse_time_to_success_seconds` and `recourse_request_duration_seconds`.
pub const DURATION_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// The upper bounds of buckets for `recourse_retry_delay_seconds`, in seconds: 10 ms to 10 min. The
/// alert for long delays reads the bucket with the bound 300.
pub const DELAY_BUCKETS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0];
