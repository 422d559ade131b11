//! Retry and breaker presets for HTTP, and layers for request and response bodies.
//!
//! [`RetryConfig::http`] and [`BreakerConfig::http`](crate::BreakerConfig::http) classify responses
//! by status and errors by type. They work around any tower service that takes an `http::Request`
//! and returns an `http::Response`: a hyper client, an axum router, a reqwest client.
//!
//! ```text
//! request ─▶ Fallback ─▶ Retry ─▶ Breaker ─▶ client
//! ```
//!
//! This client retries, stops calling a service that fails, and asks a replica if both don't help:
//!
//! ```no_run
//! use std::time::Duration;
//! use bytes::Bytes;
//! use http::{Request, Uri};
//! use http_body_util::{BodyExt, Full};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::{BoxError, Service, ServiceBuilder, ServiceExt};
//! # #[cfg(feature = "fallback")]
//! use tower_recourse::{
//!     BreakerConfig, BreakerError, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer,
//!     http::BreakerClassifier, retry::Timeouts,
//! };
//!
//! # #[cfg(feature = "fallback")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
//! let replica = ServiceBuilder::new()
//!     .map_request(|mut request: Request<Full<Bytes>>| {
//!         *request.uri_mut() = Uri::from_static("http://replica.example/prices");
//!         request
//!     })
//!     .map_err(BoxError::from)
//!     .service(client.clone());
//!
//! let timeouts = Timeouts::attempt(Duration::from_secs(1)).total(Duration::from_secs(3));
//! let mut client = ServiceBuilder::new()
//!     .layer(
//!         FallbackLayer::new(replica)
//!             .classifier(BreakerClassifier)                             // for 429, 5xx, and errors
//!             .merge_errors(|error: BoxError, _: BoxError| error),
//!     )
//!     .map_err(BreakerError::into_boxed)
//!     .layer(RetryLayer::new(RetryConfig::http().timeouts(timeouts)))
//!     .layer(BreakerLayer::new(BreakerConfig::http()))
//!     .map_err(BoxError::from)                                // so that a timeout has an error type
//!     .service(client);
//!
//! let request = Request::get("http://prices.example/prices").body(Full::default())?;
//! let response = client.ready().await?.call(request).await?;
//! let body = response.into_body().collect().await?.to_bytes();
//! # let _ = body;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "fallback"))]
//! # fn main() {}
//! ```
//!
//! ```toml
//! [dependencies]
//! bytes = "1"
//! http = "1"
//! http-body-util = "0.1"
//! hyper-util = { version = "0.1", features = ["client-legacy", "http1", "tokio"] }
//! tokio = { version = "1", features = ["full"] }
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["http"] }
//! ```
//!
//! # Where to read on
//!
//! | subject | page |
//! |---|---|
//! | which outcomes and which requests are retried | [`RetryClassifier`] |
//! | which outcomes a breaker counts as failures | [`BreakerClassifier`] |
//! | resending request bodies | [`replay`] |
//! | idempotency keys for POST and PATCH | [`IdempotencyKeyLayer`] |
//! | a new connection after a 421 | [`ReconnectLayer`] |
//! | the deadline of a request | [`Deadline`] |
//! | retrying a response that breaks off before the first byte of its body | [`first_frame`] |
//! | a breaker that records a call at the end of the response body | [`body_breaker`] |
//! | time limits for response bodies | [`body_timeout`] |
//! | a report on how the response was obtained, as a response extension | [`ReportExtensionLayer`] |
//! | the response of a breaker that rejects, for services that can't fail | [`Unavailable`] |
//! | recognising the response of a breaker | [`rejection`](rejection()) |
//!
//! # Server's delay
//!
//! A failed response may ask for a delay before the next attempt. The retry waits at least this
//! long, if the delay is at most [30 s](RetryConfig::max_retry_after) (the default), and adds
//! up to [20 %](RetryConfig::retry_after_jitter) at random. If the delay is longer, or ends after
//! the deadline, the retry returns the response instead. The first header in this table that can be
//! parsed counts:
//!
//! | header | value |
//! |---|---|
//! | `retry-after-ms`, `x-ms-retry-after-ms` | milliseconds |
//! | `Retry-After` | seconds, or a date (RFC 9110, 10.2.3) |
//! | `RateLimit` with nothing left | `"policy";r=0;t=7` (IETF draft, version 8 and later), `limit=100, remaining=0, reset=7` (version 7) |
//! | `RateLimit-Remaining: 0` and `RateLimit-Reset` (versions 3 to 6); the same with the prefix `X-RateLimit-` or `X-Rate-Limit-`, or with the suffix `-requests` or `-tokens` | seconds from now, seconds or milliseconds since 1970, an HTTP or RFC 3339 date, or a duration such as `1m30s` |
//!
//! On a 429, a reset without a remaining count counts too. A date is compared with the `Date` (and
//! `Age`) of the same response, so the clocks of client and server may differ. Values that are
//! negative, have a fraction, or can't be parsed are ignored. The header `X-Should-Retry` decides
//! whether to retry at all: see [`RetryClassifier`].
//!
//! # Time limits
//!
//! | part of a request | limited by |
//! |---|---|
//! | readiness and response head of each attempt | [`Timeouts::attempt`](crate::retry::Timeouts::attempt) |
//! | the same for all attempts together, and the waits between them | [`Timeouts::total`](crate::retry::Timeouts::total), and the [`Deadline`] of the request |
//! | the first frame of the body | the same limits, with a [`FirstFrameLayer`] inside the retry |
//! | the rest of the body | [`BodyTimeoutLayer`] |
//!
//! The time limits of a retry don't cover the body. Without a limit of its own, a body that stalls
//! blocks its caller forever.
//!
//! # Idempotency
//!
//! The retry resends a POST only if the server provably didn't process it: the server refused the
//! connection, the server refused the HTTP/2 stream, a pooled connection was dead before it was
//! used, or the status proves it ([`RetryClassifier`] has the table). The same holds for a PUT or DELETE
//! with a precondition such as `If-Match`. A request with an `Idempotency-Key` counts as
//! idempotent: [`IdempotencyKeyLayer`] sets a key, and servers and gateways must decide [when to
//! trust it](RetryClassifier#when-to-trust-an-idempotency-key). The verdict of a custom classifier applies
//! to every method; call [`is_idempotent`] in it if the method matters.
//!
//! # When not to use it
//!
//! - If another layer, or the client library of the server, retries already.
//! - If responses must be classified by their body. Write a custom classifier, and put it
//!   [first](crate::classify::first) in a chain with [`RetryClassifier`].
//!
//! A classifier of tower-http that you use for tracing can classify for this crate too: see
//! `TowerHttpClassifier` (feature `tower-http`; for tower-http 0.6 `tower-http-06`).
//!
//! # Common mistakes
//!
//! No time limit. A server that accepts a request and never answers has no outcome, so the retry
//! waits forever. A limit per attempt turns it into a failure:
//!
//! ```
//! use std::time::Duration;
//! use tower_recourse::{RetryConfig, retry::Timeouts};
//!
//! let wrong = RetryConfig::http();
//! let limits = Timeouts::attempt(Duration::from_secs(1)).total(Duration::from_secs(3));
//! let right = RetryConfig::http().timeouts(limits);
//! # let _ = (wrong, right);
//! ```
//!
//! The breaker around the retry. It sees one outcome per request instead of one per attempt, so it
//! opens late, and the retry multiplies its probes. The retry belongs around the breaker:
//!
//! ```
//! use tower::ServiceBuilder;
//! use tower_recourse::{BreakerConfig, BreakerLayer, RetryConfig, RetryLayer};
//!
//! let wrong = ServiceBuilder::new()
//!     .layer(BreakerLayer::new(BreakerConfig::http()))
//!     .layer(RetryLayer::new(RetryConfig::http()));
//! let right = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::http()))
//!     .layer(BreakerLayer::new(BreakerConfig::http()));
//! # let _ = (wrong, right);
//! ```
//!
//! # Events
//!
//! The presets emit the events of [`retry`](crate::retry) and [`breaker`](crate::breaker), under
//! the name `http`. The other layers of this module emit no events.
//!
//! # With axum, hyper, reqwest
//!
#![cfg_attr(
    feature = "fallback",
    doc = "[Integrations](crate::integrations) has a page for each: which layers to use, their order, and known limitations.\n"
)]
//! With the feature `axum`, the retry can resend axum's `Body`, and the layers fit into
//! `Router::layer` unchanged. The error type of an axum service is `Infallible`, so give the
//! breaker [`Unavailable`] to answer with.

pub mod body_breaker;
pub mod body_timeout;
mod deadline;
mod drain;
pub mod first_frame;
mod idempotency_key;
pub(crate) mod mark;
mod method;
mod rate_limit;
mod reconnect;
mod remaining;
mod remote_time;
pub mod replay;
mod report_extension;
pub(crate) mod retry_after;
mod retry_classifier;
pub(crate) mod size_hint;
#[cfg(any(feature = "tower-http", feature = "tower-http-06"))]
mod tower_http_classifier;
mod unavailable;

pub use body_breaker::BodyBreakerLayer;
pub use body_timeout::BodyTimeoutLayer;
pub use deadline::Deadline;
pub use first_frame::FirstFrameLayer;
pub use idempotency_key::{IdempotencyKey, IdempotencyKeyLayer};
pub use mark::{mark_rejection, rejection};
pub use method::is_idempotent;
pub use reconnect::{Reconnect, ReconnectFuture, ReconnectLayer};
pub use replay::{Replay, Replayable};
pub use report_extension::{ReportExtension, ReportExtensionFuture, ReportExtensionLayer};
pub use retry_classifier::{BreakerClassifier, RequestMemo, RetryClassifier};
#[cfg(feature = "tower-http")]
pub use tower_http_classifier::v07::TowerHttpClassifier;
pub use unavailable::Unavailable;

/// Classifier for tower-http 0.6. For tower-http 0.7, [`http`](crate::http) has `TowerHttpClassifier`.
#[cfg(feature = "tower-http-06")]
pub mod tower_http_06 {
    pub use super::tower_http_classifier::v06::TowerHttpClassifier;
}

use std::time::Duration;

use crate::{
    BreakerConfig, Ratio, RetryConfig,
    retry::{Backoff, Jitter, NoTimeouts, quota::NoQuota},
};

impl RetryConfig<RetryClassifier, NoTimeouts, NoQuota, Replay> {
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
    /// | [`idempotent`](Self::idempotent) | not set | [`RetryClassifier`] decides by method: the retry resends other requests only if the server provably didn't process them |
    /// | [`timeouts`](Self::timeouts) | none | the right limits depend on the call. Set them: a server that hangs produces no outcome to retry |
    /// | classifier | [`RetryClassifier`] | the statuses and errors that RFC 9110 and gateways use for temporary failures |
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
    /// | budget | the number of clients, because each has its own budget | 1,000 clients may send 10,000 retries per second, and 100,000 right after they start. With many small clients, reduce the reserve and the initial tokens |
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
            .classifier(RetryClassifier::default())
            .replay(Replay::default())
    }
}

impl BreakerConfig<BreakerClassifier> {
    /// Preset for a breaker around an HTTP service.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | thresholds | [the defaults](BreakerConfig): opens after 5 consecutive failures over at least 500 ms, for 10 % of the time that the service has been failing | a window of calls would open within milliseconds at high traffic |
    /// | classifier | [`BreakerClassifier`] | 5xx and errors are failures; 429, and 503 with a delay, are [neutral](BreakerConfig::on_throttled) |
    pub fn http() -> Self {
        BreakerConfig::default().name("http").classifier(BreakerClassifier)
    }
}
