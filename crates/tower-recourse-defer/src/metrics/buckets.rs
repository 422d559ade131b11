//! Bounds of histogram buckets.

/// The upper bounds of buckets for the durations of jobs, in seconds: 100 ms to one day. The
/// default schedule ends after 130 s. The query for long delays reads the bucket with the bound
/// 300.
pub const JOB_BUCKETS: &[f64] =
    &[0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 130.0, 300.0, 600.0, 1_800.0, 3_600.0, 10_800.0, 43_200.0, 86_400.0];
