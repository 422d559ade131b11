//! A breaker that records each call when its response body ends.
//!
//! [`BreakerLayer`](crate::BreakerLayer) classifies a call by the head of its response. If a server
//! sends a 200 head and then breaks off, or takes a minute for the body, the breaker still counts a
//! success. [`BodyBreakerLayer`] keeps the permit until the body ends:
//!
//! | end of the call | recorded as |
//! |---|---|
//! | the classifier classifies the head, or the error, as a failure or as neutral | that verdict, at once |
//! | success without a body: the response to HEAD, 204, 304, 1xx | success, at once |
//! | the body ends, with or without trailers | success |
//! | all bytes of the announced length have been received | success |
//! | the body fails, or ends before the announced length | failure |
//! | a gRPC body ends within a message, or without a status | failure |
//! | the body is dropped before its end | neutral, as for a dropped call: the caller has cancelled it. [`on_cancelled`](crate::BreakerConfig::on_cancelled) can make it a failure |
//!
//! A gRPC response (content type `application/grpc`) announces no length. Its body is complete if
//! it ends between two messages and has a `grpc-status` in its trailers, whatever the status is.
//!
//! The announced length is the exact size hint of the body, or else `Content-Length`. If a server
//! resets an HTTP/2 stream with `NO_ERROR`, hyper reports no error: without an announced length,
//! the body looks complete.
//!
//! A body that stalls doesn't end. Put a [`BodyTimeoutLayer`](super::BodyTimeoutLayer) inside this
//! layer: it ends the body, which counts as a failure.
//!
//! For rules about [slow](crate::breaker::TripRule) calls, the duration of a call includes its
//! body.
//!
//! ```text
//!            head                         frame  frame  end
//! admit ──▶ permit ──▶ response{permit} ─────▶──────▶────▶ success
//!                                            └▶ error       failure
//! ```
//!
//! ```
//! use std::io;
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{Layer, service_fn};
//! use tower_recourse::{BreakerConfig, Circuit, http::BodyBreakerLayer};
//!
//! let server = service_fn(|_: Request<()>| async { Ok::<_, io::Error>(Response::new(Full::<Bytes>::from("yes"))) });
//! let circuit = Circuit::new(BreakerConfig::http());
//! let service = BodyBreakerLayer::on(&circuit).layer(server);
//! # let _ = service;
//! ```
//!
//! ```toml
//! [dependencies]
//! bytes = "1"
//! http = "1"
//! http-body-util = "0.1"
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["http"] }
//! ```
//!
//! The circuit is an ordinary one: it can be shared with a [`BreakerLayer`](crate::BreakerLayer),
//! controlled by hand, and saved.
//!
//! # When not to use it
//!
//! - For long-lived streams (server-sent events): their calls are recorded when the stream ends,
//!   which may be after hours. A probe occupies its slot until then, or until its
//!   [lease](crate::breaker::Probes) ends.
//! - If callers read only the heads: by default, dropped bodies count neither as successes nor as
//!   failures.
//!
//! # Events
//!
//! The events of the [`breaker`](crate::breaker). If the body fails,
//! [`CallFailed`](crate::observe::Event::CallFailed) contains the text of its error, if this crate
//! knows the error's type, or states what is missing in the body.
//!
//! # Errors
//!
//! As [`BreakerLayer`](crate::BreakerLayer): [`BreakerError`](crate::BreakerError), unless the
//! layer has an answer for rejected calls.
//!
//! # Clone
//!
//! A [`BodyBreakerLayer`] is one circuit. All services that it makes, and their clones, share it.
//!
//! # Cancel safety
//!
//! Dropping the future or the body ends the permit, as in the table.

mod body;
mod completion;
mod grpc_messages;
mod layer;
mod received_body;
mod service;

pub use body::TrackedBody;
pub use completion::OnBodyEnd;
pub use layer::BodyBreakerLayer;
pub use service::BodyBreaker;
