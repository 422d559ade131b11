//! Sending a body again: it is kept while it is sent.
//!
//! A request whose body is a stream can't be cloned. So its chunks are copied as they pass, and an attempt that follows gets
//! them again, and then whatever the source still has: the server may answer before the body is sent.
//!
//! | body | |
//! |---|---|
//! | `Full`, `Empty` of http-body-util | cloned; nothing is recorded |
//! | [`SharedBody`] | cloned; all clones share one record |
//! | axum's `Body` (feature `axum`), tonic's `Body` (feature `tonic`), `UnsyncBoxBody`, `BoxBody` | recorded |
//!
//! The service within gets a body of the very type that came in.
//!
//! # With a fallback around it
//!
//! A fallback that [asks another service](crate::FallbackLayer::new) clones the request, and a stream can't be cloned: share it first. A
//! [`SharedBody`] is kept once for both layers, and cloning it is cheap.
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
//!     http::{Replay, replay::SharedBody},
//! };
//!
//! type Body = UnsyncBoxBody<Bytes, std::io::Error>;
//!
//! let client = Client::builder(TokioExecutor::new()).build_http::<SharedBody<Body>>();
//! let replica = client.clone();
//! let replay = Replay::default();
//! let service = ServiceBuilder::new()
//!     .map_request(move |request: Request<Body>| replay.share(request))
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
//! The limits are those of the `Replay` that shares. A body that is too large is sent all the same; the retry knows that there is no other
//! attempt, and to the fallback's service it [breaks off](PlayError::NotKept) before its first byte.
//!
//! # Limits
//!
//! What is counted is what is held: the chunks are copies, as a chunk of hyper's may hold on to the whole buffer that it was read into. The
//! head of a request whose body is recorded is copied too, for the same reason. Heads and trailers aren't counted.
//!
//! Of one body, [64 KiB](Replay::max_body) are kept, and of all bodies together [64 MiB](Replay::max_memory). A body that announces more
//! isn't kept at all; one that turns out to be longer goes on being sent, while what was kept of it is let go: then its request isn't
//! retried. A request to upgrade the connection, and `CONNECT`, is never kept.
//!
//! An error of the body itself, that is, of the client that sends it, isn't retried: there is nothing to be sent again. Nor is a body that
//! ends with less than its size hint announced.

mod head;
mod keep;
mod playing;
mod pool;
mod replayable;
mod shared;
mod tape;

pub use keep::{KeptRequest, Replay};
pub use playing::{PlayError, Playing, SentAgain};
pub use replayable::Replayable;
pub use shared::SharedBody;
pub use tape::Tape;
