//! Overrides of a policy's decisions: the default policy, but with exceptions.
//!
//! [`RetryLayer::override_on_error`](crate::RetryLayer::override_on_error) takes a closure. It is
//! called after each failure, with the decision that the policy proposes.
//!
//! ```
//! use std::time::Duration;
//! use tower_recourse::{RetryConfig, RetryLayer, Verdict, retry::{Override, Proposal}};
//!
//! #[derive(Debug, PartialEq)]
//! enum DbError { Deadlock, Locked }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // The default policy, but if the error is `Locked`, wait exactly 5 s, once.
//! let config = RetryConfig::default().classify_errors(|error: &DbError| match error {
//!     DbError::Deadlock => Verdict::transient(),
//!     DbError::Locked => Verdict::permanent(),
//! });
//! let retry = RetryLayer::new(config).override_on_error(|proposal: &Proposal, error: &DbError| {
//!     let is_first = *error == DbError::Locked && proposal.retries() == 0;
//!     is_first.then_some(Override::Retry { delay: Duration::from_secs(5), reason: "locked" })
//! });
//!
//! let start = tokio::time::Instant::now();
//! let result: Result<(), DbError> = retry.run(|_| async { Err(DbError::Locked) }).await;
//! assert_eq!((result, start.elapsed()), (Err(DbError::Locked), Duration::from_secs(5)));
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tokio = { version = "1", features = ["full", "test-util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! # When not to use it
//!
//! - To change what an outcome means: use a [classifier](crate::classify). The breaker and the
//!   fallback can use it, too, and an override can't retry a success.
//! - For a delay that the error contains: use
//!   [`Verdict::retry_after_exactly`](crate::Verdict::retry_after_exactly).
//!
//! # What an override can change
//!
//! | the policy proposes | [`Override::Return`] | [`Override::Retry`] |
//! |---|---|---|
//! | to retry | returns the failure | retries after the override's delay |
//! | to return it: [permanent](super::DecisionReason::Permanent), [rejected](super::DecisionReason::Rejected), [`Retry-After` too long](super::DecisionReason::RetryAfterTooLong), [deadline](super::DecisionReason::Deadline) | returns it with the override's reason | retries after the override's delay |
//! | to return it for any other reason | returns it with the override's reason | returns it |
//!
//! These checks of the policy also hold for an [`Override::Retry`], in the documented
//! [order](super#how-a-request-is-retried): the switch, the quota, the server's request for no
//! further attempt ([`never_retry`](crate::Verdict::never_retry)), the number of
//! [`retries`](crate::RetryConfig::retries), a request that can't be sent again or isn't known to
//! be safe to send again, the deadline with the override's delay, and last the budget. If a check
//! fails, its reason is reported. To allow more attempts for some errors, raise `retries` and
//! return other errors earlier with an [`Override::Return`].
//!
//! After an override's delay, the [backoff](crate::RetryConfig::backoff) starts again.
//!
//! After a breaker's rejection, an [`Override::Retry`] needs a call that ended in its first poll,
//! or requests that are [`idempotent`](crate::RetryConfig::idempotent): otherwise an earlier step
//! of the call may have been processed. A closure over the service's own error isn't called for
//! rejections.
//!
//! The override isn't called for successes, for neutral outcomes, for client errors (such as most
//! statuses 4xx; a classifier can return a failure for them), for a
//! [transparent retry](super::Decision::TransparentRetry), and for a rejection that is
//! [waited out](super::RejectionWait).
//!
//! # Several overrides
//!
//! A layer can have several. The one that was added last is called first. The others are called
//! only if it returns `None`.
//!
//! # Events
//!
//! [`RetryScheduled`](crate::observe::Event::RetryScheduled) contains the reason of an override
//! that retries. [`RetryStopped`](crate::observe::Event::RetryStopped), an outer fallback and the
//! [report](crate::report) contain [`Cause::Custom`](crate::Cause::Custom) with the reason of an
//! override that returns.
//!
//! # Panics
//!
//! A panic in the override ends only its own call. No token of the budget is lost.

mod closures;
mod layer;
mod named;
mod overridden;
mod proposal;

pub use closures::{OverrideFn, OverrideOnErrorFn};
pub use named::{OverridablePolicy, OverrideDecision};
pub use overridden::{Overridden, OverriddenState};
pub use proposal::{Override, Proposal};
