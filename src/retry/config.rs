//! The default policy's configuration: [`RetryConfig`].

mod classifiers;
mod describe;
mod display_errors;
mod label;
mod register;
mod registry_source;
mod report_requests;
mod setters;
mod settings;
mod transactions;
mod validate;

use std::fmt;

use super::{CloneRequest, NoTimeouts, quota::NoQuota};
use crate::classify::ErrorClassifier;

pub(super) use settings::Settings;

/// The configuration of a retry, and the [`Policy`](super::Policy) for most purposes. The
/// constructors of its parts reject invalid values, so every configuration works;
/// [`validate`](Self::validate) also rejects probable mistakes. The
/// [cookbook](crate::cookbook::settings) shows how to read a configuration from a file.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`retries`](Self::retries) | 3 | 4 attempts in total. A failure that lasts longer than 7 s is seldom transient |
/// | [`backoff`](Self::backoff) | 1 s, 2 s, 4 s … up to 60 s, each × 0.5–1.5 | gives a dependency time to restart, and spreads the waiting requests |
/// | [`throttled_backoff`](Self::throttled_backoff) | 1 s, 2 s, 4 s … up to 20 s, each × 0.5–1 | a limit of requests per second or minute isn't over after a shorter delay |
/// | [`max_retry_after`](Self::max_retry_after) | 30 s | if the server requests a longer delay, the failure is returned |
/// | [`retry_after_jitter`](Self::retry_after_jitter) | up to 20 % longer than requested | clients that got the same response don't return together |
/// | [`budget`](Self::budget) | 20 % of the requests plus 10 retries per second | retries add at most that to the load of a dependency that fails |
/// | its [initial tokens](super::TokenBucket::initial) | 100 | a burst of failures right after the start can be retried |
/// | [`wait_out_rejections`](Self::wait_out_rejections) | of up to 250 ms, in a request's first 300 ms | without it, a breaker that opens for 100 ms fails calls that would succeed after a short wait |
/// | [`on_rejected_retry`](Self::on_rejected_retry) | return the rejection | code that answers 503 with `Retry-After` sees every rejection, and nothing of a failed attempt is kept |
/// | [`timeouts`](Self::timeouts) | none | the right limits depend on the call |
/// | [`report_requests`](Self::report_requests) | off | a success on the first attempt then reads no clock and emits no event |
/// | [`switch`](Self::switch), [`quota`](Self::quota) | none | only batch jobs and operators need them |
/// | classifier | [`ErrorClassifier`] | an error is transient unless it is known not to be |
/// | [`idempotent`](Self::idempotent) | not stated | a failed call may have been processed; with [`ErrorClassifier`], only a request that provably wasn't sent is sent again |
///
/// # Which traffic it fits
///
/// Work that no user waits for, such as jobs and messages: the delays add up to 3.5–10.5 s. For
/// calls that a user waits for, use shorter delays, such as those of `RetryConfig::http()`, whose
/// documentation also lists what each number depends on.
///
/// # Clone
///
/// A clone shares the budget, the switch, and the sequence of the jitter.
#[derive(Clone)]
pub struct RetryConfig<C = ErrorClassifier, Timeout = NoTimeouts, Quota = NoQuota, Replay = CloneRequest> {
    pub(super) settings: Settings,
    pub(super) on_timeout: Timeout,
    pub(super) classifier: C,
    pub(super) quota: Quota,
    pub(crate) replay: Replay,
}

impl Default for RetryConfig {
    fn default() -> Self {
        let settings = Settings::default();
        Self { settings, on_timeout: NoTimeouts, classifier: ErrorClassifier, quota: NoQuota, replay: CloneRequest }
    }
}

impl<C: fmt::Debug, Timeout, Quota: fmt::Debug, Replay> fmt::Debug for RetryConfig<C, Timeout, Quota, Replay> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryConfig")
            .field("name", &self.settings.name)
            .field("retries", &self.settings.retries)
            .field("backoff", &self.settings.backoff)
            .field("budget", &self.settings.budget)
            .field("limits", &self.settings.user_limits)
            .field("classifier", &self.classifier)
            .field("quota", &self.quota)
            .finish_non_exhaustive()
    }
}
