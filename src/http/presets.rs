//! The presets for HTTP.

use std::time::Duration;

use super::{Replay, StatusClassifier};
use crate::{
    BreakerConfig, Ratio, RetryConfig,
    retry::{Backoff, Jitter, NoTimeouts, quota::NoQuota},
};

impl RetryConfig<StatusClassifier, NoTimeouts, NoQuota, Replay> {
    /// Preset for HTTP requests.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | [`retries`](Self::retries) | 3 | 4 attempts in total. The waits add up to 0.3–1 s, so an attempt may succeed after a fault of half a second, if the budget has tokens. A rejection that isn't waited out ends the request, whatever retries are left |
    /// | [`backoff`](Self::backoff) | 50 ms, 150 ms, 450 ms … up to 20 s, each × 0.5–1.5 | with the settings of the AWS SDKs (50 ms doubling, full jitter, 3 attempts), a fault of 80 ms fails 20 to 40 % of the idempotent requests that it affects; with these, it fails none at up to 500 requests per second (`benches/presets`) |
    /// | [`throttled_backoff`](Self::throttled_backoff) | 1 s, 2 s, 4 s … up to 20 s, each × 0.5–1 | applies to a 429 without a delay: a limit of requests per second isn't over after 50 ms |
    /// | [`max_retry_after`](Self::max_retry_after) | 30 s | the retry returns a response that asks for a longer delay. Three such waits take up to 108 s: set `Timeouts::total`, or 1 s here, if a user waits |
    /// | [`retry_after_jitter`](Self::retry_after_jitter) | up to 20 % more than the server asks for | clients that got the same `Retry-After` don't return together |
    /// | [`budget`](Self::budget) | 20 % of the requests plus 10 retries per second; up to 100 tokens are saved | it bounds the load that retries add to a failing upstream. A client with 10 requests per second may double its load |
    /// | its [initial tokens](crate::retry::TokenBucket::initial) | 100 | a burst of failures right after the start can be retried |
    /// | [`wait_out_rejections`](Self::wait_out_rejections) | of up to 250 ms, in a request's first 300 ms | the preset breaker opens for 100 ms at first; a rejected request waits for that instead of failing |
    /// | [`idempotent`](Self::idempotent) | not set | [`StatusClassifier`] decides by method: the retry resends other requests only if the server provably didn't process them |
    /// | [`timeouts`](Self::timeouts) | none | the right limits depend on the call. Set them: a server that hangs produces no outcome to retry |
    /// | classifier | [`StatusClassifier`] | the statuses and errors that RFC 9110 and gateways use for temporary failures |
    /// | request copies | [`Replay`] | bodies of up to 64 KiB can be resent |
    ///
    /// # Which traffic it fits
    ///
    /// - The caller waits for at least 2 s. The simulation used 1 s per attempt and 2 s in total.
    /// - Usual faults last up to half a second and fail up to 100 requests per client, which is
    ///   what the budget pays for: a lost connection, a paused process, a leader change.
    /// - The upstream has few clients. The simulation had up to 16.
    ///
    /// [The page on the presets](crate::cookbook::presets) has the measurements and the exceptions.
    ///
    /// Set time limits first, because there are none by default. For other traffic, change these
    /// three settings:
    ///
    /// | setting | depends on | change |
    /// |---|---|---|
    /// | retries and backoff | how long the caller waits, and how long faults usually last | the waits add up to 0.3–1 s. For a caller that waits for 300 ms, use 1 retry (25–75 ms) and `Timeouts::attempt(100 ms).total(300 ms)`. Longer waits help only while the breaker is closed: it opens after 500 ms without a success |
    /// | budget | the number of clients, because each has its own budget | 1,000 clients may send 10,000 retries per second, and 100,000 right after they start. With many small clients, reduce the minimum per second and the initial tokens |
    /// | [`RejectionWait`](crate::retry::RejectionWait) | the breaker's first open time, and whether there is a fallback | at least 1.2 × the shortest open time. `NONE` if the fallback should answer at once |
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::{RetryConfig, retry::{RejectionWait, TokenBucket}};
    ///
    /// // One of 1,000 clients. Its callers wait for 300 ms, and a fallback answers after that.
    /// let config = RetryConfig::http()
    ///     .retries(1)
    ///     .budget(TokenBucket::retry_ratio(0.1)?.min_per_second(1).initial(5)?)
    ///     .wait_out_rejections(RejectionWait::NONE);
    /// # let _ = config;
    /// # Ok::<(), tower_recourse::InvalidConfig>(())
    /// ```
    pub fn http() -> Self {
        let backoff = Backoff::exponential(Duration::from_millis(50))
            .factor(3.0)
            .expect("3 is a valid factor")
            .max(Duration::from_secs(20))
            .jitter(Jitter::Bounded(Ratio::HALF));
        RetryConfig::default()
            .name("http")
            .retries(3)
            .backoff(backoff)
            .classifier(StatusClassifier::default())
            .replay(Replay::default())
    }
}

impl BreakerConfig<StatusClassifier> {
    /// Preset for a breaker around an HTTP service.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | thresholds | [the defaults](BreakerConfig): opens after 5 consecutive failures over at least 500 ms, for 10 % of the time that the service has been failing | a window of calls would open within milliseconds at high traffic |
    /// | classifier | [`StatusClassifier`] | the same as that of [`RetryConfig::http`]; 5xx and lost connections are failures; 429, and 503 with a delay, are [neutral](BreakerConfig::on_throttled) |
    pub fn http() -> Self {
        BreakerConfig::default().name("http").classifier(StatusClassifier::default())
    }
}
