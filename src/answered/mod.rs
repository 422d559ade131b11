//! Learning how an answer was got, without a change of what the layers return: [`AnsweredLayer`], [`answered`].
//!
//! ```
//! use std::{convert::Infallible, io};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_recourse::{FallbackLayer, RetryConfig, RetryLayer, answered::AnsweredLayer};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let primary = service_fn(|_: &'static str| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
//! let replica = service_fn(|_: &'static str| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) });
//! let mut service = ServiceBuilder::new()
//!     .layer(AnsweredLayer)
//!     .layer(FallbackLayer::value("as of yesterday".to_owned()).name("degraded"))
//!     .layer(FallbackLayer::new(replica).name("replica"))
//!     .layer(RetryLayer::new(RetryConfig::default().idempotent().retries(2)))
//!     .service(primary);
//!
//! let answered = service.ready().await.unwrap().call("prices").await.unwrap();
//! assert_eq!(answered.response, "as of yesterday");
//! assert_eq!((answered.how.fallback(), answered.how.rung(), answered.how.attempts()), (Some("degraded"), 2, 3));
//! assert_eq!(answered.how.to_string(), "`degraded` answered, rung 2: all 3 attempts failed");
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! It is to be the outermost of the layers, or at least outside of those that it is to tell of. What was said within is heard
//! as long as the response, or error, comes through in the poll in which it was made: a layer in between that changes the type
//! of the response, or runs the service on another task (`tower::buffer`), silences it. Then the answer seems to be got at once.
//!
//! # When not to use it
//!
//! To count how answers were got, an [observer](crate::observe) does, without another type.
//!
//! # Errors
//!
//! [`Unanswered`]: the service's error, beside how it came to it.
//!
//! # Cancel safety
//!
//! Dropped, the call within is dropped.

mod future;
mod layer;

pub use future::{AnsweredFuture, answered, answered_blocking};
pub use layer::{AnsweredLayer, AnsweredService};

use std::{error::Error, fmt};

use crate::How;

/// A response, and how it was got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered<Res> {
    /// The response.
    pub response: Res,
    /// How it was got.
    pub how: How,
}

/// An error, and what was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unanswered<Err> {
    /// The error.
    pub error: Err,
    /// What was done about it, and why nothing more.
    pub how: How,
}

impl<Err> fmt::Display for Unanswered<Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how.cause() {
            Some(_) => self.how.fmt(f),
            None => f.write_str("not answered"),
        }
    }
}

impl<Err: Error + 'static> Error for Unanswered<Err> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
