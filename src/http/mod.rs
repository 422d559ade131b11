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
    /// | retries | 3 | 4 attempts in total, which span 0.3 to 1 s: an attempt may succeed after a fault of half a second |
    /// | backoff | 50 ms, 150 ms, 450 ms … up to 20 s, each × 0.5–1.5 | with 50 ms doubling, full jitter and 3 attempts, as in the AWS SDKs, a fault of 80 ms fails every fifth idempotent request that it hits; here none, in `benches/presets` |
    /// | budget | the default one | |
    /// | classifier | [`Statuses`] | |
    /// | keeps | [`Replay`] | |
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
    /// | numbers | [the defaults](BreakerConfig) | windows of calls open within milliseconds at high traffic |
    /// | classifier | [`Health`] | 5xx and errors are failures |
    pub fn http() -> Self {
        BreakerConfig::default().name("http").classifier(Health)
    }
}
