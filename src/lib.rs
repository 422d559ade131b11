//! tower middleware for when a call fails.
#![forbid(unsafe_code)]

mod attempt;
mod cause;
mod invalid;
mod name;
mod outcome;
#[cfg(any(feature = "retry", feature = "breaker"))]
mod random;
#[cfg(any(feature = "retry", feature = "breaker"))]
mod ratio;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
mod readiness;
#[cfg(feature = "breaker")]
mod sync;
mod told;
mod verdict;

#[cfg(feature = "breaker")]
pub mod breaker;
pub mod classify;
#[cfg(feature = "fallback")]
pub mod fallback;
pub mod observe;
#[cfg(feature = "retry")]
pub mod retry;
pub mod time;

pub use attempt::Attempt;
#[cfg(feature = "breaker")]
pub use breaker::{BreakerConfig, BreakerError, BreakerLayer, Circuit, Rejection, State};
pub use cause::Cause;
pub use classify::Classifier;
#[cfg(feature = "fallback")]
pub use fallback::{FallbackError, FallbackLayer};
pub use invalid::Invalid;
pub use name::Name;
pub use outcome::Outcome;
#[cfg(any(feature = "retry", feature = "breaker"))]
pub use ratio::Ratio;
#[cfg(feature = "retry")]
pub use retry::{RetryConfig, RetryLayer};
pub use verdict::{Failure, FailureKind, Verdict};
