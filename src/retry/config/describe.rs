//! A configuration as text.

use super::{super::TimeLimits, RetryConfig, Settings};
use crate::description::{Description, type_name};

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// The settings as text, for snapshots in tests, for logs and for dashboards.
    ///
    /// ```
    /// use tower_recourse::RetryConfig;
    ///
    /// assert_eq!(RetryConfig::default().idempotent().describe().to_string(), "\
    /// name: retry
    /// retries: 3
    /// idempotent: every request
    /// backoff: exponential: 1s × 2 up to 60s, jitter ±50 %
    /// throttled_backoff: exponential: 1s × 2 up to 20s, equal jitter
    /// max_retry_after: 30s
    /// retry_after_jitter: 20 %
    /// wait_out_rejections: up to 250ms in the first 300ms
    /// on_rejected_retry: return the rejection
    /// attempt_timeout: none
    /// total_timeout: none
    /// timeout_outcome: NoTimeouts
    /// budget: TokenBucket: 20 % of the requests + 10 per second, capacity 100, initial 100
    /// deposits: yes
    /// quota: none
    /// switch: none
    /// classifier: ErrorClassifier
    /// replay: CloneRequest
    /// report_requests: no
    /// observers: 1
    /// seed: random
    /// ");
    /// ```
    ///
    /// With the feature `tracing`, one observer is there by default.
    pub fn describe(&self) -> Description {
        // Every field is listed, so that a new setting doesn't compile without a description.
        let Self { settings, on_timeout: _, classifier: _, quota: _, replay: _ } = self;
        let Settings {
            name,
            retries,
            backoff,
            budget,
            deposits,
            quota,
            switch,
            idempotent,
            throttled_backoff,
            max_retry_after,
            retry_after_jitter,
            rejection_wait,
            rejected_retry,
            user_limits: TimeLimits { attempt, total },
            reports_requests,
            limits: _,
            observers,
            seed,
            is_seeded,
            turns: _,
            emitted_not_replayable: _,
            emitted_idempotency_unknown: _,
            registry: _,
            source: _,
        } = settings;
        let mut described = Description::new();
        described.add_name(name);
        described.add("retries", retries);
        described.add("idempotent", if *idempotent { "every request" } else { "not stated" });
        described.add("backoff", backoff);
        described.add("throttled_backoff", throttled_backoff);
        described.add_time("max_retry_after", *max_retry_after);
        described.add("retry_after_jitter", retry_after_jitter);
        described.add("wait_out_rejections", rejection_wait);
        described.add("on_rejected_retry", rejected_retry);
        described.add_optional_time("attempt_timeout", *attempt);
        described.add_optional_time("total_timeout", *total);
        described.add("timeout_outcome", type_name::<Timeout>());
        described.add_optional("budget", budget.as_ref().map(|budget| budget.description()));
        described.add("deposits", if *deposits { "yes" } else { "no" });
        described.add_optional("quota", quota.as_ref().map(|quota| quota.description()));
        described.add_optional("switch", switch.as_ref().map(|_| "set"));
        described.add("classifier", type_name::<C>());
        described.add("replay", type_name::<Replay>());
        described.add("report_requests", if *reports_requests { "yes" } else { "no" });
        described.add("observers", observers.len());
        described.add_seed(is_seeded.then_some(*seed));
        described
    }
}
