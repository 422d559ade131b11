//! Retries for responses that break off before the first byte of their body.
//!
//! A server may send a 200 head and fail before it sends any of the body. A retry that sees only
//! the head counts a success and returns the response, and the caller gets an error from the body.
//! Put [`FirstFrameLayer`] innermost in the stack: it returns a response only when the first frame
//! of its body has arrived, so the retry sees an error that comes before this frame. After the
//! first frame there is no retry, because the caller has the response.
//!
//! ```text
//!           head         error
//! without: ──┴─▶ caller ──┴─▶ caller             the retry counts a success
//! with:    ──┴────────────┴─▶ retry: attempt 2
//! ```
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use tower::ServiceBuilder;
//! use tower_recourse::{RetryConfig, RetryLayer, http::FirstFrameLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let client = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::http()))
//!     .layer(FirstFrameLayer::new())
//!     .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
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
//! A body also breaks off if it ends before its first byte although the response announced a
//! length: hyper reports an HTTP/2 stream that was reset with `NO_ERROR` as the end of the body.
//! Empty frames don't count as the first frame.
//!
//! If the body broke off, the layer still returns the response with its original head. Its body
//! yields the error, or ends. [`StatusClassifier`](crate::http::StatusClassifier) classifies the
//! response as a transient failure, or as timed out if a [time
//! limit](crate::http::BodyTimeoutLayer) ended the body. In a custom classifier, call
//! [`failed_before_first_frame`]. If the retry makes no further attempt, because the method isn't
//! idempotent or no attempts are left, the caller gets the same response as without this layer. The
//! request counts as sent, so a POST isn't resent.
//!
//! The time limit of an attempt includes the first frame. A
//! [`BodyTimeoutLayer`](crate::http::BodyTimeoutLayer) limits the rest of the body.
//!
//! The layer doesn't wait for the first frame of responses with a 4xx or 5xx status, of responses
//! without a body, and of responses to `HEAD`, `CONNECT` and upgrade requests.
//!
//! # When not to use it
//!
//! - For streams whose first frame may take long, such as server-sent events: the head waits for
//!   the first frame. A [`FirstEventLayer`](crate::http::FirstEventLayer) reads the events.
//! - If the server sends nothing before it has received more of the request, and the client sends
//!   no more before it has the head: server and client then wait for each other forever.
//!
//! # Errors
//!
//! The errors of the inner service.
//!
//! # Clone
//!
//! The layer has no shared state.
//!
//! # Cancel safety
//!
//! Dropping the future drops the inner call, or the response.

mod body;
mod failed_before_first_frame;
pub mod future;
mod layer;
pub(crate) mod poll;

pub use body::FirstFrameBody;
pub(in crate::http) use failed_before_first_frame::FailedBeforeFirstFrame;
pub use failed_before_first_frame::failed_before_first_frame;
pub(super) use failed_before_first_frame::verdict;
pub use layer::{FirstFrame, FirstFrameLayer};
