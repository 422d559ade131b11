//! Time limits for response bodies.
//!
//! The time limits of a retry ([`Timeouts`](crate::retry::Timeouts)) and `tower::timeout` end with
//! the response's head. A server that sends a head and then stalls, or sends one byte per minute,
//! blocks its caller indefinitely. [`BodyTimeoutLayer`] limits the body:
//!
//! | limit | measured | includes |
//! |---|---|---|
//! | [`idle`](BodyTimeoutLayer::idle) | from the first poll that returns `Pending` to the next frame | the time that the server takes for one frame, including the first; also the time until the consumer polls again, if it stops in between |
//! | [`total`](BodyTimeoutLayer::total) | from the response's head to the end of the body | everything, also the time that the consumer takes to read. A slow reader can exceed it; [`BodyBreakerLayer`](super::BodyBreakerLayer) then counts a failure |
//!
//! By default there is no limit: the right one depends on the size of the body, and an event stream
//! may be silent for hours. For API requests, start with an idle limit equal to the time limit of
//! an attempt.
//!
//! When a limit is exceeded, the body ends with a [`BodyElapsed`] in a boxed error. The layer drops
//! the inner body at once: HTTP/1 closes its connection, HTTP/2 resets its stream. With a
//! [`RetireConnectionLayer`](super::RetireConnectionLayer) inside, the idle limit also prevents
//! that new requests use the same connection. An error of the
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
//! # Effect on other layers
//!
//! Put this layer innermost, next to the client or the channel.
//!
//! | layer around it | limit exceeded before the first frame | limit exceeded later |
//! |---|---|---|
//! | [`RetryLayer`](crate::RetryLayer) with a [`FirstFrameLayer`](super::FirstFrameLayer) | the attempt timed out: idempotent requests are retried | no retry, because the caller has the response |
//! | [`RetryLayer`](crate::RetryLayer) alone | no retry, because the caller has the response | no retry |
//! | [`BodyBreakerLayer`](super::BodyBreakerLayer) | failure | failure |
//! | [`BreakerLayer`](crate::BreakerLayer) | failure with a [`FirstFrameLayer`](super::FirstFrameLayer) inside, otherwise none | none |
//! | [`PeekLayer`](crate::grpc::PeekLayer) for gRPC | DEADLINE_EXCEEDED, if the limit is shorter than the [wait](crate::grpc::PeekLayer::max_wait) | as above; tonic turns it into an UNKNOWN status with the [`BodyElapsed`] as its source |
//!
//! If the retry discards a response, the body of that response doesn't delay the next attempt: the
//! retry reads a bounded number of its bytes during the wait.
//!
//! # Cost
//!
//! A body that ends with its head (`is_end_stream`) costs nothing. The layer creates the timer when
//! the consumer first has to wait: one allocation per body, none per frame. With a `total` limit it
//! reads the clock at the head and at each frame.
//!
//! # When not to use it
//!
//! - `total`: for streams without an end (server-sent events, subscriptions). Use `idle` if the
//!   server sends something regularly.
//! - `total`: for downloads of any size over connections of any speed. Use `idle`.
//!
//! # Errors
//!
//! The call fails with the errors of the inner service. The body fails with [`BodyElapsed`], or
//! with the error of the inner body, in a box. [`BodyTimeoutLayer::idle`] and
//! [`total`](BodyTimeoutLayer::total) return an error for a limit of zero.
//!
//! # Clone
//!
//! The layer has no shared state. Each body has its own limits.
//!
//! # Cancel safety
//!
//! Dropping the future or the body drops the inner one.
//!
//! # Panics
//!
//! Polling a body with a limit panics if it has to wait outside of a tokio runtime, or in a runtime
//! without a time driver.

mod body;
mod future;
mod layer;
mod limits;
mod timer;

pub use body::TimeoutBody;
pub use future::ResponseFuture;
pub use layer::{BodyTimeout, BodyTimeoutLayer};

pub use crate::body_elapsed::{BodyElapsed, BodyLimit};
