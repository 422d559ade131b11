//! Reports of how each result came about: [`ReportLayer`], [`with_report`]. The layers' own results
//! don't change.
//!
//! ```
//! use std::{convert::Infallible, io};
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::{FallbackLayer, RetryConfig, RetryLayer, report::ReportLayer};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let primary = service_fn(|_: &'static str| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionReset)) });
//! let replica = service_fn(|_: &'static str| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) });
//! let mut service = ServiceBuilder::new()
//!     .layer(ReportLayer)
//!     .layer(FallbackLayer::value("as of yesterday".to_owned()).name("degraded"))
//!     .layer(FallbackLayer::new(replica).name("replica"))
//!     .layer(RetryLayer::new(RetryConfig::default().idempotent().retries(2)))
//!     .service(primary);
//!
//! let answered = service.ready().await.unwrap().call("prices").await.unwrap();
//! assert_eq!(answered.response, "as of yesterday");
//! assert_eq!((answered.report.fallback(), answered.report.fallback_depth(), answered.report.attempts()), (Some("degraded"), 2, 3));
//! assert_eq!(answered.report.to_string(), "fallback `degraded` (depth 2) answered: all 3 attempts failed");
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! Make [`ReportLayer`] the outermost layer, or at least put it around the layers that it reports
//! on. A report reaches the `ReportLayer` if the response or error arrives in the poll in which it
//! was made. A layer in between that changes the response's type, or runs the service on another
//! task (`tower::buffer`), loses the report. Then the `ReportLayer` reports one attempt. It reports
//! a success for a response, and [`Cause::Failure`](crate::Cause::Failure) for an error, unless the
//! error contains a [`Rejection`](crate::Rejection).
//!
//! A layer in between may change the type of the error (`map_err`). The report keeps the attempts
//! and the cause. If the cause is a rejection, the `ReportLayer` reads it from the new error, which
//! must be of a type that [the layers inspect](crate::classify#rejections); for any other type, the
//! cause is `Cause::Failure`.
//!
//! # When not to use it
//!
//! Don't use it to count how calls were answered: an [observer](crate::observe) does that without
//! another response type.
//!
//! # Errors
//!
//! The service returns [`ReportedError`]: the inner service's error with its report.
//!
//! # Clone
//!
//! A clone of the service has a clone of the inner service.
//!
//! # Cancel safety
//!
//! Dropping the future drops the inner call.

mod future;
mod layer;
mod reported;

pub use future::{ReportFuture, with_report, with_report_blocking};
pub use layer::{ReportLayer, ReportService};
pub use reported::{Reported, ReportedError};
