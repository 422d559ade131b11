//! Try again, within limits: [`RetryLayer`].
//!
//! ```
//! use std::time::Duration;
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_recourse::{RetryConfig, RetryLayer, Verdict, retry::{Backoff, Jitter}};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! #[derive(Debug, PartialEq)]
//! enum DbError { Deadlock, NoSuchTable }
//!
//! let config = RetryConfig::default()
//!     .retries(2)
//!     .backoff(Backoff::exponential(Duration::from_millis(50)).jitter(Jitter::Full))
//!     .classify(|outcome: Result<&u32, &DbError>| match outcome {
//!         Ok(_) => Verdict::Success,
//!         Err(DbError::Deadlock) => Verdict::transient(),
//!         Err(DbError::NoSuchTable) => Verdict::permanent(),
//!     });
//!
//! let mut calls = 0;
//! let query = service_fn(move |_: &'static str| {
//!     calls += 1;
//!     let rows = if calls < 3 { Err(DbError::Deadlock) } else { Ok(7) };
//!     async move { rows }
//! });
//! let mut service = ServiceBuilder::new().layer(RetryLayer::new(config)).service(query);
//! assert_eq!(service.ready().await.unwrap().call("select …").await, Ok(7));
//! # }
//! ```
//!
//! # When not to use it
//!
//! - Where the call isn't idempotent: a failure may mean that the answer was lost, not the request. Judge such requests by
//!   a [`Classifier`](crate::Classifier) that looks at them.
//! - In more than one layer of a call chain: three layers with 4 attempts each are 64 calls at the bottom. Retry where most is
//!   known, once.
//! - Against overload without a [budget]: it keeps the overload up.
//!
//! # The way of one request
//!
//! ```text
//! request ─▶ keep a copy ─▶ ready ─▶ call ─▶ outcome ─▶ verdict ─▶ decision ─┬─▶ return it
//!                             ▲                                             │
//!                             └──── wait ◀── let go of the outcome ◀────────┘ retry
//! ```
//!
//! A readiness error and a time-out are outcomes like any other. The instance that was ready goes with the request and makes
//! all its attempts; it is made ready again before each of them.
//!
//! [`RetryConfig`] checks in this order, and the first that says no gives the [`Reason`]:
//!
//! 1. a breaker further in rejected the call: not retried;
//! 2. what the outcome means: a success, a neutral outcome and a permanent failure are returned;
//! 3. the number of attempts;
//! 4. the wait that the other side asked for: longer than allowed;
//! 5. whether the request can be sent again;
//! 6. the deadline: a wait is never begun that would cross it;
//! 7. the [budget], last, so that nothing is taken for an attempt that something else forbids.
//!
//! # Other orders
//!
//! Outside of a [breaker](crate::breaker), every attempt is admitted and counted for itself, and a rejection ends the request
//! at once: the paved order. Inside of it, the breaker sees a request once, after all its retries; it opens later, and
//! retries go on against a service that is down. Outside of a [fallback](crate::fallback), it never sees the failures that the
//! fallback has answered.
//!
//! # Errors
//!
//! The service's own, unchanged: that of the last attempt.
//!
//! # Clone
//!
//! A [`RetryLayer`] and everything that it makes share one policy, and so one budget.
//!
//! # Cancel safety
//!
//! The future can be dropped at any point: the attempt that is under way is dropped, and a token reserved for one that was
//! not made goes back to the budget.

pub mod backoff;
pub mod budget;
mod checks;
mod config;
mod decision;
pub mod future;
mod keep;
mod layer;
mod policy;
mod service;
mod timeouts;

pub use crate::Elapsed;
pub use backoff::{Backoff, Jitter};
pub use budget::{Budget, BudgetStats, TokenBucket};
pub use checks::Progress;
pub use config::RetryConfig;
pub use decision::{Decision, Reason};
pub use keep::{Cloned, FromFn, Keep};
pub use layer::RetryLayer;
pub use policy::Policy;
pub use service::Retry;
pub use timeouts::{Answer, AnswerWith, FromElapsed, Limits, NoTimeouts, Timeouts};
