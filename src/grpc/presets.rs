//! The presets for gRPC.

use super::{GrpcReplay, ServiceConfig, StatusClassifier};
use crate::{
    BreakerConfig, InvalidConfig, RetryConfig,
    retry::{NoTimeouts, quota::NoQuota},
};

impl RetryConfig<StatusClassifier, NoTimeouts, NoQuota, GrpcReplay> {
    /// Preset for gRPC calls.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | [`retries`](Self::retries) | 3 | 4 attempts in total. The waits add up to 0.3–1 s, so an attempt may succeed after a fault of half a second, if the budget has tokens |
    /// | [`backoff`](Self::backoff) | 50 ms, 150 ms, 450 ms … up to 20 s, each × 0.5–1.5 | as for [`http`](Self::http) |
    /// | [`throttled_backoff`](Self::throttled_backoff) | 1 s, 2 s, 4 s … up to 20 s, each × 0.5–1 | applies if RESOURCE_EXHAUSTED is one of the [retried codes](StatusClassifier::retry_codes) and comes without a pushback: a limit isn't over after 50 ms |
    /// | [`max_retry_after`](Self::max_retry_after) | 30 s | the retry returns a status with a longer pushback. Set a deadline, or 1 s here, if a user waits |
    /// | [`retry_after_jitter`](Self::retry_after_jitter) | up to 20 % more than the server asks for | clients that got the same pushback don't return together |
    /// | [`budget`](Self::budget) | 20 % of the calls plus 10 retries per second | it bounds the load that retries add to a failing upstream. [`RetryThrottle`](crate::retry::RetryThrottle) is the budget of gRPC's retry proposal (A6) |
    /// | its [initial tokens](crate::retry::TokenBucket::initial) | 100 | a lost connection fails all its calls at once, also right after the start |
    /// | [`wait_out_rejections`](Self::wait_out_rejections) | of up to 250 ms, in a call's first 300 ms | the preset breaker opens for 100 ms at first; a rejected call waits for that instead of failing |
    /// | [`idempotent`](Self::idempotent) | not set | a call on a lost connection [may have been processed](StatusClassifier#lost-connections). Statuses of the server are retried by code |
    /// | [`timeouts`](Self::timeouts) | none | if the caller sets a `grpc-timeout`, it limits the call. Set one |
    /// | classifier | [`StatusClassifier`] | retries UNAVAILABLE, RESOURCE_EXHAUSTED with a delay, and calls that provably weren't sent |
    /// | request copies | [`GrpcReplay`] | requests of up to 64 KiB can be resent |
    ///
    /// The preset fits callers that wait for at least 2 s, faults of up to half a second, and an
    /// upstream with few clients (the simulation had up to 16). For other traffic, change the
    /// retries and the backoff, the budget, and the wait for rejections: [`http`](Self::http) has
    /// the table.
    pub fn grpc() -> Self {
        RetryConfig::http().name("grpc").classifier(StatusClassifier::default()).replay(GrpcReplay::default())
    }

    /// Reads retry policies from a gRPC service config in JSON. See [`ServiceConfig`].
    ///
    /// # Errors
    ///
    /// If `json` isn't valid JSON, or the value of a field isn't valid. The error contains the path
    /// of the field, such as `methodConfig[0].retryPolicy.maxAttempts`.
    pub fn from_service_config(json: &str) -> Result<ServiceConfig, InvalidConfig> {
        ServiceConfig::parse(Self::grpc(), json)
    }
}

impl BreakerConfig<StatusClassifier> {
    /// Preset for a breaker around a gRPC service.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | thresholds | [the defaults](BreakerConfig) | as for [`http`](BreakerConfig::http) |
    /// | classifier | [`StatusClassifier`] | the same as that of [`RetryConfig::grpc`]; statuses of an unhealthy service are failures |
    pub fn grpc() -> Self {
        BreakerConfig::default().name("grpc").classifier(StatusClassifier::default())
    }
}
