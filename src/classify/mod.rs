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

mod chain;
mod classifier;
mod errors;
mod from_fn;
mod idempotent;
mod into_opinion;
mod known;
mod opened;
mod sources;
mod walk;

pub use chain::{Chain, Or, Otherwise, Refine, first};
pub use classifier::Classifier;
pub use errors::Errors;
pub use from_fn::{FromErrorFn, FromFn, FromMemoFn, errors, outcomes, with_memo};
pub use idempotent::Idempotent;
pub use into_opinion::IntoOpinion;
pub use sources::Sources;
