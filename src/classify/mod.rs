//! Judging an outcome: which results are successes, which are failures, and of what kind.
//!
//! ```
//! use tower_recourse::{RetryConfig, Verdict};
//!
//! # struct Row;
//! enum DbError {
//!     Deadlock,
//!     UnknownColumn,
//! }
//!
//! let config = RetryConfig::default().classify(|outcome: Result<&Row, &DbError>| match outcome {
//!     Ok(_) => Verdict::Success,
//!     Err(DbError::Deadlock) => Verdict::transient(),
//!     Err(_) => Verdict::permanent(),
//! });
//! # let _ = config;
//! ```
//!
//! A breaker's rejection needs no line here: the layers know it before any classifier is asked.

mod classifier;
mod errors;
mod from_fn;
mod known;
mod opened;
mod sources;
mod walk;

pub use classifier::Classifier;
pub use errors::Errors;
pub use from_fn::FromFn;
pub use sources::Sources;
