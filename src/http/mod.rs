//! Retry and breaker presets for HTTP, and layers for request and response bodies.
//!
//! [`RetryConfig::http`](crate::RetryConfig::http) and
//! [`BreakerConfig::http`](crate::BreakerConfig::http) classify responses by status and errors by
//! type. They work around any tower service that takes an `http::Request` and returns an
//! `http::Response`: a hyper client, an axum router, a reqwest client.
//!
//! ```text
//! request ─▶ Fallback ─▶ Retry ─▶ Breaker ─▶ client
//! ```
//!
//! This client retries, stops calling a service that keeps failing, and calls a replica if it still
//! has no good response:
//!
//! ```no_run
//! use std::time::Duration;
//! use bytes::Bytes;
//! use http::{Request, Uri};
//! use http_body_util::{BodyExt, Full};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::{BoxError, ServiceBuilder};
//! # #[cfg(feature = "fallback")]
//! use tower_recourse::{
//!     BreakerConfig, BreakerError, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer,
//!     http::StatusClassifier, retry::Timeouts,
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
//!             .classifier(StatusClassifier::default().ignore_client_errors()) // for 429, 5xx, errors, rejections
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
//! | all layers in the recommended order, with one deadline | [`standard`] |
//! | which outcomes are failures, which requests are retried, what a breaker counts | [`StatusClassifier`] |
//! | resending request bodies | [`replay`] |
//! | idempotency keys for POST and PATCH | [`IdempotencyKeyLayer`] |
//! | a new connection after a timeout or a 421 | [`retire_connection`] |
//! | the deadline of a request | [`deadline`] |
//! | retrying a response that breaks off before the first byte of its body | [`first_frame`] |
//! | retrying an event stream that fails before its first event | [`first_event`] |
//! | a breaker that records a call at the end of the response body | [`body_breaker`] |
//! | time limits for response bodies | [`body_timeout`] |
//! | a response body that a breaker or a fallback can make | [`response_body`] |
//! | the last good response in place of a failed one (feature `last-good`) | `stale_if_error` |
//! | a report on how the response was obtained, as a response extension | [`ReportExtensionLayer`] |
//! | the response of a breaker that rejects a call, for services whose error type is `Infallible` | [`Unavailable`] |
//! | the key of a circuit per host | [`host_and_port`] |
//! | recognising the response of a breaker | [`rejection`](rejection()) |
//!
//! # Server's delay
//!
//! A failed response may ask for a delay before the next attempt. The retry waits at least this
//! long, if the delay is at most [30 s](crate::RetryConfig::max_retry_after) (the default),
//! and adds up to [20 %](crate::RetryConfig::retry_after_jitter) at random. If the delay is
//! longer, or ends after the deadline, the retry returns the response instead. The first header in
//! this table that can be parsed counts:
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
//! whether to retry at all: see [`StatusClassifier`].
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
//! The time limits of a retry don't cover the body. Without a [`BodyTimeoutLayer`], a body that
//! stalls blocks its caller forever.
//!
//! # Idempotency
//!
//! The retry resends a POST only if the server provably didn't process it: the server refused the
//! connection, the server refused the HTTP/2 stream, a pooled connection was dead before it was
//! used, or the status proves it ([`StatusClassifier`] has the table). The same holds for a PUT or
//! DELETE with a precondition such as `If-Match`. A request with an `Idempotency-Key` counts as
//! idempotent: [`IdempotencyKeyLayer`] sets a key, and servers and gateways must decide
//! [when to trust it](StatusClassifier#when-to-trust-an-idempotency-key). The verdict of a custom
//! classifier applies to every method; call [`is_idempotent`] in it if the method matters.
//!
//! # When not to use it
//!
//! - If another layer, or the client library of the server, retries already.
//! - If responses must be classified by their body. Write a custom classifier, and put it
//!   [first](crate::classify::first) in a chain with [`StatusClassifier`].
//!
//! A classifier of tower-http that you use for tracing can classify for this crate too: see
//! `TowerHttpClassifier` (feature `tower-http`; for tower-http 0.6 `tower-http-06`).
//!
//! # Common mistakes
//!
//! **No time limit.** If a server accepts a request and never answers, the attempt has no outcome,
//! and the retry waits forever. A limit per attempt turns this into a failure:
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
//! **The breaker around the retry.** The breaker then sees one outcome per request instead of one
//! per attempt, so it opens late, and each probe of a half-open circuit is a request with up to 3
//! retries. The retry belongs around the breaker:
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
//! the name `http`. [`BodyBreakerLayer`] emits those of a breaker. The other layers of this module
//! emit no events.
//!
//! # With axum, hyper, reqwest
//!
#![cfg_attr(
    feature = "fallback",
    doc = "[Integrations](crate::integrations) has a page for each: which layers to use, their order, and known limitations.\n"
)]
//! With the feature `axum`, the retry can resend axum's `Body`, and the layers fit into
//! `Router::layer` unchanged. The error type of an axum service is `Infallible`, so set
//! [`Unavailable`] as the breaker's response to rejected calls.

pub mod body_breaker;
pub mod body_timeout;
pub mod deadline;
pub(crate) mod drain;
pub mod first_event;
pub mod first_frame;
#[cfg(feature = "fallback")]
mod fixed_response;
mod header_time;
mod host_and_port;
pub(crate) mod idempotency;
mod idempotency_key;
pub(crate) mod inner_call;
pub(crate) mod message;
pub(crate) mod message_body;
mod presets;
mod rate_limit_headers;
pub(crate) mod rejection_mark;
mod remaining_length;
pub mod replay;
mod report_extension;
mod request_memo;
pub(crate) mod resend_count;
pub mod response_body;
pub mod retire_connection;
pub(crate) mod retry_after;
pub(crate) mod size_hint;
#[cfg(feature = "tracing")]
pub(crate) mod spans;
#[cfg(feature = "last-good")]
pub mod stale_if_error;
pub mod standard;
mod status_classifier;
#[cfg(feature = "tower-http-06")]
pub mod tower_http_06;
#[cfg(any(feature = "tower-http", feature = "tower-http-06"))]
mod tower_http_classifier;
pub(crate) mod unavailable;

pub use body_breaker::{BodyBreaker, BodyBreakerLayer};
pub use body_timeout::{BodyTimeout, BodyTimeoutLayer};
pub use deadline::{Deadline, DeadlineLayer, DeadlineService, GatewayTimeout};
pub use first_event::{FirstEvent, FirstEventLayer};
pub use first_frame::{FirstFrame, FirstFrameLayer};
#[cfg(feature = "fallback")]
pub use fixed_response::FixedResponse;
pub use host_and_port::host_and_port;
pub use idempotency::is_idempotent;
pub use idempotency_key::{IdempotencyKey, IdempotencyKeyLayer};
pub use rejection_mark::{mark_rejection, rejection};
pub use replay::{Replay, Replayable};
pub use report_extension::{ReportExtension, ReportExtensionFuture, ReportExtensionLayer};
pub use request_memo::RequestMemo;
pub use resend_count::resend_count;
pub use response_body::{ResponseBody, ResponseBodyLayer, WithResponseBody};
pub use retire_connection::{RetireConnection, RetireConnectionLayer};
#[cfg(feature = "tracing")]
pub use spans::HttpAttemptSpan;
#[cfg(feature = "last-good")]
pub use stale_if_error::StaleIfErrorLayer;
pub use standard::{Standard, StandardLayer};
pub use status_classifier::StatusClassifier;
#[cfg(feature = "tower-http")]
pub use tower_http_classifier::v07::TowerHttpClassifier;
pub use unavailable::Unavailable;
