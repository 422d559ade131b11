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
mod reported;

pub use future::{AnsweredFuture, answered, answered_blocking};
pub use layer::{AnsweredLayer, AnsweredService};
pub use reported::{Answered, Unanswered};
