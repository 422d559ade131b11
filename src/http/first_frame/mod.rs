//! Retrying what breaks off before the first byte of the body.
//!
//! A server may say 200 and die before it has sent anything. To a retry that was a success: the head is with the caller, and the caller gets
//! an error where the body should be. This layer, innermost in the stack, answers only once the first frame of the body is there, so that an
//! error before it can still be retried. After the first frame nothing is: the caller has it.
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
//! A body that ends before its first byte although the response announced more breaks off too: hyper reports the reset of an HTTP/2
//! stream with `NO_ERROR` as the end of the body. Empty frames don't count as a beginning.
//!
//! A response whose body broke off before its first frame is a response still, with the head that it had; its body begins with the error,
//! or ends.
//! [`Statuses`](crate::http::Statuses) and [`Health`](crate::http::Health) judge it a transient
//! failure, or timed out if a [time limit](crate::http::BodyTimeoutLayer) ended the body; a custom
//! classifier calls
//! [`broke_off`]. So where it isn't retried (the method isn't idempotent, the attempts are spent), the caller gets what it would have got
//! without the layer. The request was sent: a POST isn't sent again.
//!
//! The time-out of an attempt covers the first frame too. The rest of the body is limited by a
//! [`BodyTimeoutLayer`](crate::http::BodyTimeoutLayer).
//!
//! # When not to use it
//!
//! - For streams whose first frame may take long, as server-sent events: heads wait for it.
//! - Where the other side sends nothing before it has got more of the request, and the caller sends no more before it has the head.
//!
//! Responses with a status that is an error, those without a body, and those to `HEAD`, `CONNECT` and upgrades aren't waited for.
//!
//! # Errors
//!
//! The service's own.
//!
//! # Clone
//!
//! There is nothing to share.
//!
//! # Cancel safety
//!
//! A call that is dropped drops the service's call, or the response.

mod body;
pub mod future;
mod layer;

pub use body::Begun;
pub use layer::{FirstFrame, FirstFrameLayer};

use ::http::Response;

use crate::{Classifier, FailureKind, Sent, Verdict, classify::Errors};

/// Whether the body of this response broke off before its first frame, as a [`FirstFrameLayer`] has found.
pub fn broke_off<B>(response: &Response<B>) -> bool {
    response.extensions().get::<BrokeOff>().is_some()
}

/// What such a response means: the body timed out, or the connection was lost. `None` for any other
/// response.
pub(super) fn verdict<B>(response: &Response<B>) -> Option<Verdict> {
    let BrokeOff { timed_out } = *response.extensions().get()?;
    let verdict = if timed_out { Verdict::timed_out() } else { Verdict::transient() };
    Some(verdict.sent(Sent::Yes))
}

/// The mark of such a response.
#[derive(Debug, Clone, Copy)]
struct BrokeOff {
    /// The body ended with the error of a time limit.
    timed_out: bool,
}

impl BrokeOff {
    /// By the error that the body ended with, if there was one.
    fn by<E: 'static>(error: Option<&E>) -> Self {
        let verdict = error.map(|error| Classifier::<(), (), E>::classify(&Errors, &(), Err(error)));
        let timed_out = match verdict {
            Some(Verdict::Failure(failure)) => failure.kind() == FailureKind::TimedOut,
            _ => false,
        };
        Self { timed_out }
    }
}
