//! A breaker whose calls end when the response's body has ended.
//!
//! [`BreakerLayer`](crate::BreakerLayer) judges a call by its head. A server that answers 200 at once, and then breaks off, or takes a minute
//! for the body, is a healthy one to it. This layer keeps the permit until the body is over:
//!
//! | how it ends | counts as |
//! |---|---|
//! | a head that the classifier judges a failure, or neutral; an error | that, at once |
//! | a good answer to HEAD, and one that has no body (204, 304, 1xx) | a success, at once |
//! | the body comes to its end, with or without trailers | a success |
//! | all of the announced length is there | a success |
//! | the body breaks off, or ends with less than the announced length | a failure |
//! | a gRPC body ends within a message, or without a status | a failure |
//! | the body is dropped before | neither, as a call that is dropped: the caller has lost interest. [`dropped`](crate::BreakerConfig::dropped) can make it a failure |
//!
//! A gRPC response (content type `application/grpc`) announces no length. Its body is complete if it ends between two messages and has a
//! `grpc-status` in its trailers, whatever the status.
//!
//! The announced length is that of the body's size hint, or else `Content-Length`. An HTTP/2 stream that its server
//! resets with `NO_ERROR` ends without an error in hyper: without an announced length it looks complete.
//!
//! A body that stalls has no end: a [`BodyTimeoutLayer`](super::BodyTimeoutLayer) within this layer
//! gives it one, which is a failure.
//!
//! The time that a rule for [slow](crate::breaker::OpenRule) calls asks for is that until the end of the body.
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
//! The circuit is one like any other: it may be shared with a [`BreakerLayer`](crate::BreakerLayer), steered, saved.
//!
//! # When not to use it
//!
//! - For streams without an end (server-sent events): their calls count when they are over, which may be never. A probe holds its slot for
//!   as long, or until its [lease](crate::breaker::Probes) is over.
//! - Where callers read heads alone: what they drop says nothing.
//!
//! # Errors
//!
//! As of [`BreakerLayer`](crate::BreakerLayer): [`BreakerError`](crate::BreakerError), unless an answer is given to rejected calls.
//!
//! # Clone
//!
//! A [`BodyBreakerLayer`] is one circuit, however many services it makes and however often they are cloned.
//!
//! # Cancel safety
//!
//! A call, or a body, that is dropped ends its permit; see the table.

mod body;
mod ending;
mod ends;
mod layer;
mod messages;
mod service;

pub use body::JudgedBody;
pub use ends::AtEnd;
pub use layer::BodyBreakerLayer;
pub use service::BodyBreaker;
