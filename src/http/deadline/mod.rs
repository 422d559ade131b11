//! One deadline for a request, whatever its layers do with the time.
//!
//! A [`Deadline`] is a request extension: the time at which the request must be answered. A retry
//! reads it, and lowers it for each attempt. [`DeadlineLayer`] sets it and enforces it. In front of
//! a fallback, it reserves time, so that the fallback can still answer before the deadline:
//!
//! ```text
//! 0 s                                                          9 s            10 s
//! ├─ primary: retry, breaker, attempts ────────────────────────┤── fallback ──┤
//! │                                       DeadlineLayer::reserve(1 s)         │
//! └──────────────────────────────────────────────── DeadlineLayer::new(10 s) ─┘ 504
//! ```
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::{FallbackLayer, RetryConfig, RetryLayer, http::{StatusClassifier, DeadlineLayer}};
//!
//! type Answer = Response<Full<Bytes>>;
//! type Call = Request<Full<Bytes>>;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let hangs = service_fn(|_: Call| std::future::pending::<Result<Answer, Infallible>>());
//! let replica = service_fn(|_: Call| async { Ok::<_, Infallible>(Answer::new("from the replica".into())) });
//!
//! let service = ServiceBuilder::new()
//!     .layer(DeadlineLayer::new(Duration::from_secs(10)))        // answers 504 after 10 s
//!     .layer(FallbackLayer::new(replica).classifier(StatusClassifier::default().ignore_client_errors()))
//!     .layer(DeadlineLayer::reserve(Duration::from_secs(1)))     // answers 504 after 9 s
//!     .layer(RetryLayer::new(RetryConfig::http()))
//!     .service(hangs);
//!
//! let response = service.oneshot(Request::get("/prices").body(Full::default()).unwrap()).await.unwrap();
//! assert_eq!(response.status(), 200);                            // by the replica, after 9 s
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! bytes = "1"
//! http = "1"
//! http-body-util = "0.1"
//! tokio = { version = "1", features = ["full"] }
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["http"] }
//! ```
//!
//! The two layers of this example are part of the [standard stack](crate::http::standard).
//!
//! # When not to use it
//!
//! - If there is no fallback: [`Timeouts`](crate::retry::Timeouts) of the retry limit the attempts
//!   and the request.
//! - As the limit of one attempt, between a retry and a breaker. A retry with
//!   [`Timeouts::attempt`](crate::retry::Timeouts::attempt) does the same without another layer.
//! - For the body of a response: see [`body_timeout`](crate::http::body_timeout).
//!
//! # What it covers
//!
//! The time starts with the call and ends with the head of the response. Readiness of the inner
//! service before the call isn't covered. At the deadline, the layer drops the call, and a breaker
//! inside counts a failure, as for the time limits of a retry. If the deadline of a request has
//! passed before the call, the layer answers without calling the inner service.
//!
//! # Errors
//!
//! The layer answers with a 504 ([`GatewayTimeout`]), so the error type stays that of the service.
//! [`DeadlineLayer::on_timeout`] sets another response, or an error. If the body type of the
//! service can't be constructed, put a [`ResponseBodyLayer`](crate::http::ResponseBodyLayer)
//! inside.
//!
//! # Clone
//!
//! The layer has no shared state.
//!
//! # Cancel safety
//!
//! Dropping the future drops the inner call.
//!
//! # Events
//!
//! The layer emits no events. It adds [`Cause::Deadline`](crate::Cause::Deadline) to the
//! [report](crate::report), which a fallback around it receives.
//!
//! # Panics
//!
//! Polling a call with a deadline panics if it has to wait outside of a tokio runtime, or in a
//! runtime without a time driver.

// The folder has the name of its main type.
mod deadline;
mod future;
mod gateway_timeout;
mod layer;

pub use deadline::Deadline;
pub use future::ResponseFuture;
pub use gateway_timeout::GatewayTimeout;
pub use layer::{DeadlineLayer, DeadlineService};
