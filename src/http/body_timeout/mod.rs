//! Limits for the time that a response body takes.
//!
//! The time limits of a retry ([`Timeouts`](crate::retry::Timeouts)) and `tower::timeout` end with
//! the response's head. A server that sends a head, and then nothing, or a byte per minute, holds
//! its caller for as long as it likes. [`BodyTimeoutLayer`] limits the body:
//!
//! | limit | measured | includes |
//! |---|---|---|
//! | [`idle`](BodyTimeoutLayer::idle) | from the first poll that found no frame, until a frame comes | the time that the server takes for one frame, the first one included; also the time until the consumer polls again, if it stops in between |
//! | [`total`](BodyTimeoutLayer::total) | from the response's head to the end of the body | everything, also the time that the consumer takes to read: a slow reader can exceed it, which [`BodyBreakerLayer`](super::BodyBreakerLayer) counts as a failure |
//!
//! No limit is set by default: how long a body may take depends on its size, and streams of events
//! may be silent for hours. For requests of an API, an idle limit of the size of an attempt's time
//! limit is a good start.
//!
//! When a limit is exceeded, the body ends with a [`BodyElapsed`] in a boxed error. The inner body
//! is dropped at once: HTTP/1 closes its connection, HTTP/2 resets its stream. An error of the
//! inner body passes through in the box.
//!
//! ```
//! use std::time::Duration;
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_recourse::{
//!     BreakerConfig, RetryConfig, RetryLayer,
//!     http::{BodyBreakerLayer, BodyTimeoutLayer, FirstFrameLayer},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let limits = BodyTimeoutLayer::new().idle(Duration::from_secs(5))?.total(Duration::from_secs(60))?;
//! let client = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::http()))
//!     .layer(BodyBreakerLayer::new(BreakerConfig::http()))
//!     .layer(FirstFrameLayer::new())
//!     .layer(limits)
//!     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
//! # let _ = client;
//! # Ok(())
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
//! # What the other layers do about it
//!
//! The layer goes innermost, next to the client or the channel.
//!
//! | layer around it | a limit before the first frame | a limit after it |
//! |---|---|---|
//! | [`RetryLayer`](crate::RetryLayer) with a [`FirstFrameLayer`](super::FirstFrameLayer) | the attempt timed out: idempotent requests are retried | nothing: the caller has the response |
//! | [`RetryLayer`](crate::RetryLayer) alone | nothing: the caller has the response | nothing |
//! | [`BodyBreakerLayer`](super::BodyBreakerLayer) | a failure | a failure |
//! | [`BreakerLayer`](crate::BreakerLayer) | a failure with a [`FirstFrameLayer`](super::FirstFrameLayer) within, otherwise nothing | nothing |
//! | [`PeekLayer`](crate::grpc::PeekLayer) of gRPC | DEADLINE_EXCEEDED, if the limit is shorter than the [wait](crate::grpc::PeekLayer::longest) | as above; tonic makes a status UNKNOWN of it, with the [`BodyElapsed`] as its source |
//!
//! A retry doesn't let a discarded response hold it up: what it reads of one to reuse the
//! connection is bounded anyway.
//!
//! # What it costs
//!
//! A body that is complete with its head (`is_end_stream`) costs nothing. The timer is made when
//! the consumer has to wait for the first time: one allocation per body, none per frame. With a
//! `total` limit the clock is read at the head and at each frame.
//!
//! # When not to use it
//!
//! - `total`, for streams without an end (server-sent events, subscriptions). `idle` fits if the
//!   server sends something regularly.
//! - `total`, for downloads of any size over lines of any speed: use `idle`.
//!
//! # Errors
//!
//! Calls fail with the service's own errors. [`BodyTimeoutLayer::idle`] and
//! [`total`](BodyTimeoutLayer::total) refuse a limit of zero.
//!
//! # Clone
//!
//! There is nothing to share.
//!
//! # Cancel safety
//!
//! A call, or a body, that is dropped drops the inner one. Reading needs a tokio runtime with its
//! time driver enabled, of the task that polls the body.

mod body;
mod future;
mod layer;
mod timer;

pub use body::TimeoutBody;
pub use future::ResponseFuture;
pub use layer::{BodyTimeout, BodyTimeoutLayer};

pub use crate::body_elapsed::{BodyElapsed, BodyLimit};
