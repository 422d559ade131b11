//! Resending request bodies: [`Replay`] records a body while it is sent.
//!
//! A streaming body can't be cloned. So [`Replay`] copies its chunks as the client reads them. A
//! later attempt gets these chunks first, and then the rest from the source. The source isn't
//! always at its end then, because a server may answer before it has received the whole body.
//!
//! ```text
//! source ─▶ recorded chunks ─▶ attempt 1 (fails after 2 chunks)
//!              chunk 1 ──────▶ attempt 2
//!              chunk 2 ──────▶
//! source ─▶    chunk 3 ──────▶
//! ```
//!
//! | body | how it is resent |
//! |---|---|
//! | `Full`, `Empty` of http-body-util | cloned; nothing is recorded |
//! | [`CloneableBody`] | cloned; all clones share one record |
//! | reqwest's `Body` (feature `reqwest`) | bytes in memory are shared, of any length; a stream is recorded |
//! | axum's `Body` (feature `axum`), tonic's `Body` (feature `tonic`), `UnsyncBoxBody`, `BoxBody` | recorded |
//!
//! The inner service gets a body of the same type that the caller sent.
//!
//! # With a fallback
//!
//! A fallback to [another service](crate::FallbackLayer::new) clones the request, and a stream
//! can't be cloned. Call [`Replay::cloneable`] on the request first. A [`CloneableBody`] is stored
//! once for both layers, and a clone of it is cheap.
//!
//! ```
//! # #[cfg(feature = "fallback")]
//! # fn main() {
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::combinators::UnsyncBoxBody;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_recourse::{
//!     FallbackLayer, RetryConfig, RetryLayer,
//!     http::{Replay, replay::CloneableBody},
//! };
//!
//! type Body = UnsyncBoxBody<Bytes, std::io::Error>;
//!
//! let client = Client::builder(TokioExecutor::new()).build_http::<CloneableBody<Body>>();
//! let replica = client.clone();
//! let replay = Replay::default();
//! let service = ServiceBuilder::new()
//!     .map_request(move |request: Request<Body>| replay.cloneable(request))
//!     .layer(FallbackLayer::new(replica))
//!     .layer(RetryLayer::new(RetryConfig::http()))
//!     .service(client);
//! # let _ = service;
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
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["http"] }
//! ```
//!
//! The limits of the `Replay` that made the body apply. A body that is too large is still sent. The
//! retry then makes no further attempt, and the body that the fallback's service gets
//! [fails](ReplayError::NotStored) before its first byte.
//!
//! # Limits
//!
//! A `Replay` stores up to [64 KiB](Replay::max_body) of one body, and up to
//! [64 MiB](Replay::max_memory) of all bodies together. It doesn't record a body that announces
//! more. If a body turns out to be longer, it is still sent, but the record is dropped and the
//! request isn't retried. Requests to upgrade the connection, and `CONNECT`, are never stored.
//!
//! The limits count the memory that is held. The stored chunks are copies, because a chunk of hyper
//! may keep alive the whole buffer that it was read into. For the same reason the head of a request
//! with a recorded body is copied. Heads and trailers don't count.
//!
//! A request whose own body fails isn't retried, because the rest of the body is missing. The same
//! applies to a body that ends before the length that its size hint announced.
//!
//! # When not to use it
//!
//! For uploads that are larger than the limits: raise them, or let the caller retry the whole
//! upload.
//!
//! # Errors
//!
//! [`ReplayError`] for a [`CloneableBody`], and the body's own error type for other bodies, which
//! can then contain [`Superseded`].
//!
//! # Cancel safety
//!
//! Dropping a body that is being sent drops its stored copy only if no later attempt or clone needs
//! it.

mod body;
mod buffer;
mod chunks;
mod cloneable_body;
mod config;
mod error;
mod head_copy;
mod memory_limit;
mod recording;
mod replayable;
#[cfg(feature = "reqwest")]
mod reqwest_body;
mod shared_recording;
mod source;
mod stored_request;

pub use body::ReplayBody;
pub use buffer::ReplayBuffer;
pub use cloneable_body::CloneableBody;
pub use config::Replay;
pub use error::{ReplayError, Superseded};
pub use replayable::Replayable;
#[cfg(feature = "reqwest")]
pub use reqwest_body::StoredReqwestBody;
pub use stored_request::StoredRequest;
