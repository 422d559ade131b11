//! HTTP as it is: [`RetryConfig::http`] and [`BreakerConfig::http`](crate::BreakerConfig::http).
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_recourse::{BreakerConfig, BreakerLayer, RetryConfig, RetryLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
//! let client = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::http()))
//!     .layer(BreakerLayer::new(BreakerConfig::http()))
//!     .service(client);
//! # let _ = client;
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! bytes = "1"
//! http-body-util = "0.1"
//! hyper-util = { version = "0.1", features = ["client-legacy", "http1", "tokio"] }
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["http"] }
//! ```
//!
//! | what | page |
//! |---|---|
//! | which outcomes are retried, and which requests | [`Statuses`] |
//! | which outcomes count for a breaker | [`Health`] |
//! | bodies that are sent again | [`replay`] |
//! | a key by which a server knows a repeated POST | [`IdempotencyKeyLayer`] |
//! | another connection after a 421 | [`ReconnectLayer`] |
//! | a request's own deadline | [`Deadline`] |
//! | retrying what breaks off before the first byte of the body | [`first_frame`] |
//! | a breaker that waits for the end of the response's body | [`at_end`] |
//! | time limits of the response's body | [`body_timeout`] |
//! | how the answer was got, among the response's extensions | [`HowLayer`] |
//! | what a breaker answers in place of a service that can't fail | [`Unavailable`] |
//! | which responses a breaker has made | [`rejection`](rejection()) |
//!
//! # Server's delay
//!
//! A failed response may say in how long another attempt makes sense. The retry waits at least so long, up to
//! [30 s](RetryConfig::longest_server_delay) unless set. It adds up to [20 %](RetryConfig::server_delay_jitter) at random. Where the server asks for more, or for more than is left until the deadline, the
//! response is returned instead. The first of these headers that can be read counts:
//!
//! | header | value |
//! |---|---|
//! | `retry-after-ms`, `x-ms-retry-after-ms` | milliseconds |
//! | `Retry-After` | seconds, or a date (RFC 9110, 10.2.3) |
//! | `RateLimit` with nothing left | `"policy";r=0;t=7` (IETF draft from number 8 on), `limit=100, remaining=0, reset=7` (draft 7) |
//! | `RateLimit-Remaining: 0` and `RateLimit-Reset` (drafts 3 to 6), and the same with `X-RateLimit-`, `X-Rate-Limit-`, or with `-requests` and `-tokens` at the end | seconds from now, seconds or milliseconds since 1970, a date of HTTP or RFC 3339, or a span such as `1m30s` |
//!
//! With a 429, a reset without a remaining number counts too. A date is compared with the response's own `Date` (and `Age`), so that clocks may
//! differ. What is negative, has a fraction, or can't be read is ignored. `X-Should-Retry` says whether to retry at all: see [`Statuses`].
//!
//! # Time limits
//!
//! | part of a request | limited by |
//! |---|---|
//! | readiness and the response's head, of each attempt | [`Timeouts::attempt`](crate::retry::Timeouts::attempt) |
//! | the same of all attempts, with the waits between them | [`Timeouts::total`](crate::retry::Timeouts::total), a [`Deadline`] of the request |
//! | the first frame of the body | the same limits, if a [`FirstFrameLayer`] is within the retry |
//! | the rest of the body | [`BodyTimeoutLayer`] |
//!
//! A body without a limit of its own can hold its caller for ever, whatever the limits of the
//! retry.
//!
//! # Idempotent or not
//!
//! A POST is sent again only if it provably wasn't processed: the connection was refused, the stream was refused by HTTP/2, a pooled
//! connection was dead before it was used, or the status says so ([`Statuses`] has the table). The same holds for a PUT or DELETE with a precondition, such as
//! `If-Match`. With an `Idempotency-Key` a request is taken for idempotent: [`IdempotencyKeyLayer`] sets one, and servers should know
//! [when to trust it](Statuses#when-to-trust-an-idempotency-key). A custom classifier is believed whatever the method, unless it calls
//! [`is_idempotent`].
//!
//! # When not to use it
//!
//! - Where another layer, or the server's client library, retries already.
//! - For responses that are judged by their body: give a classifier of your own, [first](crate::classify::first) in a chain with
//!   [`Statuses`].
//! - For classifiers of tower-http, which one may have for one's traces, there is `Classes` (feature `tower-http`; for tower-http 0.6
//!   `tower-http-06`).
//!
//! # With axum, hyper, reqwest
//!
#![cfg_attr(
    feature = "fallback",
    doc = "There is [a page for each of them](crate::integrations): which layers, in which order, and what to know before.\n"
)]
//!
//! The feature `axum` makes axum's `Body` one that can be sent again; the layers go into `Router::layer` as they are. There, errors are
//! `Infallible`: give a breaker [`Unavailable`] to answer with.

pub mod at_end;
pub mod body_timeout;
#[cfg(any(feature = "tower-http", feature = "tower-http-06"))]
mod classes;
mod deadline;
mod drain;
pub mod first_frame;
mod how;
mod idempotency_key;
pub(crate) mod mark;
mod method;
mod problem;
mod rate_limit;
mod reconnect;
mod remaining;
mod remote_time;
pub mod replay;
pub(crate) mod retry_after;
pub(crate) mod sizes;
mod statuses;

pub use at_end::BodyBreakerLayer;
pub use body_timeout::BodyTimeoutLayer;
#[cfg(feature = "tower-http")]
pub use classes::v07::Classes;
pub use deadline::Deadline;
pub use first_frame::FirstFrameLayer;
pub use how::{HowFuture, HowLayer, HowService};
pub use idempotency_key::{IdempotencyKey, IdempotencyKeyLayer};
pub use mark::{mark_rejection, rejection};
pub use method::is_idempotent;
pub use problem::Unavailable;
pub use reconnect::{Reconnect, ReconnectFuture, ReconnectLayer};
pub use replay::{Replay, Replayable};
pub use statuses::{Health, Remembered, Statuses};

/// Classifiers of tower-http 0.6. Those of 0.7 are judged by `Classes` of [`http`](crate::http).
#[cfg(feature = "tower-http-06")]
pub mod tower_http_06 {
    pub use super::classes::v06::Classes;
}

use std::time::Duration;

use crate::{
    BreakerConfig, Ratio, RetryConfig,
    retry::{Backoff, Jitter, NoTimeouts, ledger::NoLedger},
};

impl RetryConfig<Statuses, NoTimeouts, NoLedger, Replay> {
    /// A retry of HTTP requests.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | [`retries`](Self::retries) | 3 | 4 attempts in total, whose waits add up to 0.3 to 1 s: an attempt may succeed after a fault of half a second, if the budget pays for it. A rejection that isn't waited out ends the request, whatever retries are left |
    /// | [`backoff`](Self::backoff) | 50 ms, 150 ms, 450 ms … up to 20 s, each × 0.5–1.5 | with 50 ms doubling, full jitter and 3 attempts, as in the AWS SDKs, a fault of 80 ms fails 0.2 to 0.4 of the idempotent requests that it hits; here none, at up to 500 requests per second (`benches/presets`) |
    /// | [`throttled_backoff`](Self::throttled_backoff) | 1 s, 2 s, 4 s … up to 20 s, each × 0.5–1 | a 429 without a delay: a limit of requests per second isn't over after 50 ms |
    /// | [`longest_server_delay`](Self::longest_server_delay) | 30 s | a longer delay is returned with the response. Three such waits take up to 108 s: set `Timeouts::total`, or 1 s here, if a user waits |
    /// | [`server_delay_jitter`](Self::server_delay_jitter) | up to 20 % more than asked | clients that got the same `Retry-After` don't return together |
    /// | [`budget`](Self::budget) | 20 % of the requests plus 10 retries per second; up to 100 tokens are saved | it bounds the load that retries add to an upstream that fails. A client with 10 requests per second may double its load |
    /// | its [initial tokens](crate::retry::TokenBucket::initial) | 100 | a burst of failures right after the start can be retried |
    /// | [`wait_out_rejections`](Self::wait_out_rejections) | of up to 250 ms, in a request's first 300 ms | the preset breaker opens for 100 ms at first; a rejected request waits for that instead of failing |
    /// | [`idempotent`](Self::idempotent) | not stated | [`Statuses`] decides by the method: any other request is resent only if it provably wasn't processed |
    /// | [`timeouts`](Self::timeouts) | none | the right limits depend on the call. Set them: a server that hangs has no outcome to retry |
    /// | classifier | [`Statuses`] | the statuses and errors that RFC 9110 and gateways use for temporary failures |
    /// | keeps | [`Replay`] | bodies of up to 64 KiB can be sent again |
    ///
    /// # Which traffic it fits
    ///
    /// - The caller waits for 2 s or longer, as in the simulation (1 s per attempt, 2 s in total).
    /// - Usual faults last up to half a second and fail up to some 100 requests per client, which the
    ///   budget pays for: a lost connection, a pause of a process, a change of the leader.
    /// - The upstream has few clients: up to 16 were simulated.
    ///
    /// [The page on the presets](crate::cookbook::presets) has the measurements and the exceptions.
    ///
    /// Set time limits first, as there are none by default. For other traffic, change these three
    /// numbers:
    ///
    /// | number | depends on | change |
    /// |---|---|---|
    /// | retries and backoff | the caller's patience, and the length of usual faults | the waits add up to 0.3–1 s. For a caller that waits for 300 ms, 1 retry (25–75 ms) and `Timeouts::attempt(100 ms).total(300 ms)`. Longer waits help only as long as the breaker is closed: it opens after 500 ms without a success |
    /// | budget | the number of clients, since each has a budget of its own | 1,000 clients may send 10,000 retries per second and 100,000 after the start. With many small clients, make the reserve and the initial tokens small |
    /// | [`RejectionWait`](crate::retry::RejectionWait) | how long the breaker opens at first, and whether there is a fallback | at least 1.2 × the shortest open time. `NONE` if the caller would rather have the fallback's answer at once |
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::{RetryConfig, retry::{RejectionWait, TokenBucket}};
    ///
    /// // One of 1,000 clients, whose callers wait for 300 ms, and then get a fallback's answer.
    /// let config = RetryConfig::http()
    ///     .retries(1)
    ///     .budget(TokenBucket::share(0.1)?.reserve(1).initial(5)?)
    ///     .wait_out_rejections(RejectionWait::NONE);
    /// # let _ = config;
    /// # Ok::<(), tower_recourse::Invalid>(())
    /// ```
    pub fn http() -> Self {
        let backoff = Backoff::exponential(Duration::from_millis(50))
            .factor(3.0)
            .expect("a factor of at least 1")
            .max(Duration::from_secs(20))
            .jitter(Jitter::Bounded(Ratio::HALF));
        RetryConfig::default()
            .name("http")
            .retries(3)
            .backoff(backoff)
            .classifier(Statuses::default())
            .keeping(Replay::default())
    }
}

impl BreakerConfig<Health> {
    /// A breaker for HTTP.
    ///
    /// | setting | here | why |
    /// |---|---|---|
    /// | numbers | [the defaults](BreakerConfig): opens after 5 failures in a row over at least 500 ms, for 10 % of the failing time | a window of calls would open within milliseconds at high traffic |
    /// | classifier | [`Health`] | 5xx and errors are failures; 429 and 503 with a delay are [neutral](BreakerConfig::on_throttled) |
    pub fn http() -> Self {
        BreakerConfig::default().name("http").classifier(Health)
    }
}
