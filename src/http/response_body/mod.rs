//! A response body that a layer can make itself.
//!
//! Some layers answer in place of the upstream: a breaker with
//! [`Unavailable`](crate::http::Unavailable), a fallback with a stored response, a deadline with a
//! 504. The body type of most clients can't be constructed: only hyper makes an `Incoming`.
//!      [`ResponseBodyLayer`] wraps the body of each response in a [`ResponseBody`], which is
//!      either the upstream's body or a few bytes of your own. Put the layer directly inside the
//!      innermost layer that makes responses. Layers that wrap the upstream's body, such as
//!      [`FirstFrameLayer`](crate::http::FirstFrameLayer) and
//!      [`BodyTimeoutLayer`](crate::http::BodyTimeoutLayer), belong inside it:
//!
//! ```
//! use bytes::Bytes;
//! use http::Response;
//! use http_body_util::Full;
//! use hyper::body::Incoming;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_recourse::{
//!     BreakerConfig, BreakerLayer, RetryConfig, RetryLayer,
//!     http::{ResponseBody, ResponseBodyLayer, Unavailable},
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let client = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::http()))
//!     .layer(BreakerLayer::new(BreakerConfig::http()).on_rejection(Unavailable)) // makes a 503
//!     .layer(ResponseBodyLayer)
//!     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
//! # let _ = client;
//! # }
//!
//! // A stored response for `FallbackLayer::from_fn`:
//! fn stored() -> Response<ResponseBody<Incoming>> {
//!     Response::new("as of yesterday".into())
//! }
//! ```
//!
//! ```toml
//! [dependencies]
//! bytes = "1"
//! http = "1"
//! http-body-util = "0.1"
//! hyper = "1"
//! hyper-util = { version = "0.1", features = ["client-legacy", "http1", "tokio"] }
//! tokio = { version = "1", features = ["full"] }
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["http"] }
//! ```
//!
//! axum accepts a `Response<ResponseBody<B>>` as the result of a handler and of a layer. To convert
//! the body into axum's own type, use `axum::body::Body::new`.
//!
//! # When not to use it
//!
//! - If the body type can be constructed already. axum's `Body` and `Full<Bytes>` implement
//!   `From<&'static str>`; tonic's `Body` implements `Default`, which is all that
//!   `grpc::Unavailable` needs.
//! - If the body type must have one name for several clients. Box it, with `axum::body::Body` or
//!   `http_body_util::combinators::BoxBody`.
//!
//! # Cost
//!
//! No allocation. A `ResponseBody` is at most one word larger than the larger one of its two
//! variants, and each poll of it is one more branch.
//!
//! # Errors
//!
//! The errors of the inner service and of its body. A body that a layer has made never fails.
//!
//! # Clone
//!
//! The layer has no state.
//!
//! # Cancel safety
//!
//! Dropping the future or the body drops the inner one.
//!
//! # Events
//!
//! The layer emits no events. It passes on the [report](crate::report) of the layers inside.

mod body;
mod future;
mod layer;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::{ResponseBodyLayer, WithResponseBody};
