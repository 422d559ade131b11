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
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! # When not to use it
//!
//! - For calls that must not be processed twice, together with a classifier that allows it: a failure may mean that the answer was lost, not
//!   the request. The default classifier allows a retry only if the request provably wasn't sent. State what may be repeated:
//!   [`RetryConfig::idempotent`] if every request may, [`classify::Idempotent`](crate::classify::Idempotent) to decide by the request.
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
//! A readiness error and a time-out are outcomes like any other. The instance that was ready makes the first attempt. A request that is
//! retried makes its later attempts with a clone of the service, which is polled ready before each of them. The clone is made of one spare
//! instance that all clones of a [`Retry`] share: the first call, and the first one after a retry, leave a clone of the instance that they have
//! called. So a state that the service has in itself, such as a counter or a connection, is that of the last of these calls.
//! Nothing stays reserved during a wait: if an attempt ends before its call, by a time-out or a readiness error, the instance is replaced
//! with a clone, which holds no permit and no place in a queue.
//!
//! [`RetryConfig`] checks in this order, and the first that says no gives the [`Reason`]:
//!
//! 1. the [`Switch`], if there is one;
//! 2. the [ledger] over all keys;
//! 3. a breaker further in rejected the call;
//! 4. the failure is permanent;
//! 5. the ledger of the request's key;
//! 6. the number of attempts;
//! 7. the wait that the other side asked for: longer than allowed;
//! 8. whether the request can be sent again,
//! 9. and whether that is safe, unless [`RetryConfig::idempotent`] states that every request is;
//! 10. the deadline: a wait is never begun that would cross it;
//! 11. the [budget], last, so that nothing is taken for an attempt that something else forbids.
//!
//! Three outcomes don't reach these checks:
//!
//! - A success and a neutral outcome are returned.
//! - A call that was [refused](crate::Verdict::refused) is sent again, once per request and without cost, unless the switch is off.
//! - A short rejection is [waited out](RejectionWait), unless the switch is off.
//!
//! Observers and a fallback further out receive the reason. The caller gets it through [`answered`](crate::answered).
//!
//! # Rejections
//!
//! A [breaker](crate::breaker)'s rejection costs no budget and isn't retried, whatever the classifier returns. If its `retry_in` is at most 250 ms,
//! the retry waits it out in the request's first 300 ms, and sends the same attempt again ([`RejectionWait`]). Any other rejection ends the
//! request. The retry recognises a rejection by what the result itself says; see [the classifiers' page](crate::classify#rejections) for the list. A result that doesn't say so is an ordinary
//! outcome, and the classifier decides: an error into which a layer in between has made the rejection without keeping it
//! (`map_err(|_| Down)`), an error of your own that contains it (`map_err(AppError::Client)`), or an error or response of a type that the
//! layers can't look into and that arrives in another poll than the rejection. [`Sources`](crate::classify::Sources) looks into the source
//! chain of error types of your own.
//!
//! # Plain functions
//!
//! [`RetryLayer::run`] retries an async function and [`RetryLayer::run_blocking`] one that blocks, by the same policy, budget and
//! events as services. With `run_for`, the classifier and the ledger get a request to look at.
//!
//! # Other orders
//!
//! Outside of a [breaker](crate::breaker), every attempt is admitted and counted for itself, and a rejection ends the request,
//! unless it is short enough to be waited out: the paved order. Inside of it, the breaker sees a request once, after all its retries; it opens later, and
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
//! The future can be dropped at any point: the attempt that is under way is dropped, and what was reserved for one that was
//! not made goes back to the budget and the ledger.

mod attempt_flow;
mod attempt_time;
pub mod backoff;
mod backoff_state;
pub mod budget;
mod config;
mod decision;
mod default_policy;
mod function_service;
pub mod future;
mod layer;
mod policy;
pub mod quota;
mod rejection_wait;
mod request_age;
mod request_context;
mod request_replay;
mod run;
mod run_blocking;
mod service;
mod spare_instance;
mod stored_copy;
mod switch;
mod timeouts;

pub use crate::Elapsed;
pub use backoff::{Backoff, Jitter};
pub use budget::{Budget, BudgetStats, CostBucket, RetryThrottle, TokenBucket};
pub use config::RetryConfig;
pub use decision::{Decision, Reason};
pub use default_policy::Progress;
pub use layer::RetryLayer;
pub use policy::Policy;
pub use quota::{Ledger, Spent};
pub use rejection_wait::RejectionWait;
pub use request_replay::{Cloned, Deposits, FromFn, Keep, Prepared};
pub use service::Retry;
pub use switch::Switch;
pub use timeouts::{Answer, AnswerWith, FromElapsed, Limits, NoTimeouts, Timeouts};
