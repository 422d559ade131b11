//! Retries failed requests, within limits: [`RetryLayer`].
//!
//! ```
//! use std::time::Duration;
//! use tower::{ServiceBuilder, service_fn};
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
//! - For calls that must not be processed twice, with a classifier that allows retries of them:
//!   after a failure, the request may have been processed, and only its response lost. The default
//!   classifier allows a retry only if the request provably wasn't sent. State which requests may
//!   be repeated: [`RetryConfig::idempotent`] if all may,
//!   [`classify::IdempotencyCheck`](crate::classify::IdempotencyCheck) to decide by the request.
//! - In more than one layer of a call chain: three layers with 4 attempts each make up to 64 calls
//!   at the bottom. Retry once, in the layer that knows most about the failure.
//! - Against overload without a [budget]: the retries keep the overload up.
//!
//! # How a request is retried
//!
//! ```text
//! request ─▶ store a copy ─▶ ready ─▶ call ─▶ outcome ─▶ verdict ─▶ decision ─┬─▶ return
//!                              ▲                                              │
//!                              └──── delay ◀──── discard the outcome ◀────────┘ retry
//! ```
//!
//! 1. The [`RequestReplay`] stores what is needed to send the request again. By default, it clones
//!    the request.
//! 2. The service instance that was polled ready makes the first attempt.
//! 3. The classifier turns the outcome into a [verdict](crate::Verdict), and the [`Policy`] makes
//!    the [`Decision`]. A readiness error and a time-out are outcomes, too.
//! 4. Before a retry, the layer discards the outcome and waits. Nothing stays reserved during the
//!    delay: if an attempt ends before its call, the layer replaces the instance with a clone,
//!    which holds no permit and no place in a queue.
//! 5. A clone of the service makes all later attempts. It is polled ready before each of them.
//!
//! Most calls clone no service. All clones of a [`Retry`] share one spare instance, which a retried
//! request clones. Only the first call, and the first call after a retry, replace the spare
//! instance by a clone of the instance that they have called. So if a service keeps state in
//! itself, such as a counter or a connection, later attempts use the state after the latest of
//! these calls.
//!
//! [`RetryConfig`] doesn't retry a failure if one of these holds. It checks them in this order, and
//! the first one that holds is the [`DecisionReason`]:
//!
//! 1. the [`RetrySwitch`] is off;
//! 2. the [quota] over all keys is used up;
//! 3. an inner breaker rejected the call;
//! 4. the failure is permanent, or [the server asked for no further
//!    attempt](crate::Verdict::never_retry);
//! 5. the quota of the request's key is used up;
//! 6. all attempts were made;
//! 7. the server requested a delay that is longer than allowed;
//! 8. the request can't be sent again;
//! 9. sending it again isn't known to be safe, and [`RetryConfig::idempotent`] doesn't state that
//!    it is;
//! 10. the delay would cross the deadline;
//! 11. the [budget] has no token. This check is last, so that nothing is withdrawn for an attempt
//!     that another check forbids.
//!
//! An [override](overrides) changes single decisions: the default policy, but with exceptions.
//!
//! Three outcomes don't reach these checks:
//!
//! - A success and a neutral outcome are returned.
//! - A call that the peer [didn't process](crate::Verdict::unprocessed) is sent again, at most once
//!   per request and without cost, unless the switch is off.
//! - A short rejection is [waited out](RejectionWait), unless the switch is off.
//!
//! The retry waits its backoff, also if the failure has opened the circuit of a breaker inside.
//! Observers and an outer fallback receive the reason. The caller gets the reason through
//! [`with_report`](crate::report).
//!
//! # Defaults
//!
//! [`RetryConfig`] lists each setting of its default with the reason. It fits work that no user
//! waits for. `RetryConfig::http()` and `RetryConfig::grpc()` fit calls that a user waits for, and
//! [`RetryConfig::transactions`] fits conflicting database transactions.
//!
//! # Events
//!
//! | [event](crate::observe::Event) | when |
//! |---|---|
//! | `RetryScheduled` | an attempt failed, and another one follows after a delay |
//! | `RetrySucceeded` | an attempt after the first succeeded |
//! | `RetryStopped` | a failure is returned; the event contains the cause |
//! | `TransparentRetry` | a call that the peer didn't process is sent again without cost |
//! | `RejectionWait` | the retry waits for the end of a short rejection |
//! | `RequestNotReplayable` | once per configuration: a request couldn't be retried because it can't be sent again |
//! | `IdempotencyUnknown` | once per configuration: a failure wasn't retried because the classifier doesn't know whether the request is idempotent |
//! | `RequestFinished` | once per request, with [`report_requests`](RetryConfig::report_requests); a request whose first attempt succeeds emits no other event |
//!
//! By default, events are written with `tracing`. They contain an error of your own type as the
//! name of the type, or with [`display_errors`](RetryConfig::display_errors) as its text.
//!
//! # Anti-patterns
//!
//! **A configuration per request.** Each has its own budget, which starts with 100 tokens. So the
//! budget never prevents a retry.
//!
//! ```
//! use tower_recourse::{RetryConfig, RetryLayer};
//! async fn load(_: u32) -> std::io::Result<u32> { Ok(7) }
//! // Wrong: every request gets a new budget.
//! async fn handle(id: u32) -> std::io::Result<u32> {
//!     RetryLayer::new(RetryConfig::default().idempotent()).run(|_| load(id)).await
//! }
//!
//! // Right: all requests share the budget of one layer.
//! struct Loader { retry: RetryLayer<RetryConfig> }
//!
//! impl Loader {
//!     async fn handle(&self, id: u32) -> std::io::Result<u32> {
//!         self.retry.run(|_| load(id)).await
//!     }
//! }
//! # let _ = (handle, Loader::handle);
//! ```
//!
//! **A retry inside a breaker.** The breaker sees a request once, after all its attempts. So it
//! opens late, and the retries still call a service that is down.
//!
//! ```
//! # #[cfg(feature = "breaker")] {
//! use tower::ServiceBuilder;
//! use tower_recourse::{BreakerConfig, BreakerLayer, RetryConfig, RetryLayer};
//! // Wrong: the breaker is outside.
//! let stack = ServiceBuilder::new()
//!     .layer(BreakerLayer::new(BreakerConfig::default()))
//!     .layer(RetryLayer::new(RetryConfig::default()));
//!
//! // Right: the breaker sees every attempt, and a rejection ends the request.
//! let stack = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryConfig::default()))
//!     .layer(BreakerLayer::new(BreakerConfig::default()));
//! # let _ = stack;
//! # }
//! ```
//!
//! **Writes declared idempotent.** A write whose response was lost is processed twice.
//!
//! ```
//! use tower_recourse::{RetryConfig, classify::{ErrorClassifier, IdempotencyCheck}};
//! enum Command { Get(u64), Add(u64) }
//!
//! // Wrong: `Add` may be added twice.
//! let config = RetryConfig::default().idempotent();
//!
//! // Right: `Add` is sent again only if it provably wasn't sent.
//! let config = RetryConfig::default()
//!     .classifier(IdempotencyCheck::new(ErrorClassifier, |command: &Command| matches!(command, Command::Get(_))));
//! # let _ = (config, Command::Add(1), Command::Get(1));
//! ```
//!
//! **Neither delay nor budget.** The clients multiply the load of a service that is already
//! overloaded.
//!
//! ```
//! use std::time::Duration;
//! use tower_recourse::{RetryConfig, retry::Backoff};
//! // Wrong: while everything fails, the service gets four times the demand at once.
//! let config = RetryConfig::default().backoff(Backoff::none()).without_budget();
//!
//! // Right: short delays with jitter, and the default budget.
//! let config = RetryConfig::default().backoff(Backoff::exponential(Duration::from_millis(50)));
//! # let _ = config;
//! ```
//!
//! # Rejections
//!
//! A [breaker](crate::breaker)'s rejection costs no budget and isn't retried, whatever the
//! classifier returns. If its `retry_in` is at most 250 ms and the wait ends within the request's
//! first 300 ms, the layer waits it out and makes the same attempt again
//! ([`wait_out_rejections`](RetryConfig::wait_out_rejections) has the exact rules). Any other
//! rejection ends the request. If an attempt has failed before it,
//! [`on_rejected_retry`](RetryConfig::on_rejected_retry) sets whether the caller gets the rejection
//! or that failure.
//!
//! The layer recognises a rejection by what the result itself contains;
//! [`classify`](crate::classify#rejections) has the list. The classifier decides about a result
//! that doesn't show that it is a rejection:
//!
//! - an error into which a layer in between has converted the rejection without keeping the
//!   rejection (`map_err(|_| Down)`);
//! - an error of your own that contains the rejection (`map_err(AppError::Client)`);
//! - an error or a response of a type that the layers can't inspect, if it arrives in another poll
//!   than the rejection.
//!
//! [`FollowSources`](crate::classify::FollowSources) inspects the source chain of your own error
//! types.
//!
//! # Plain functions
//!
//! [`RetryLayer::run`] retries an async function, and [`RetryLayer::run_blocking`] a function that
//! blocks. Both use the same policy, budget, and events as services. `run_for` and
//! `run_blocking_for` also take a request for the classifier and the quota.
//!
//! # Other orders
//!
//! - Outside of a [breaker](crate::breaker), which is the recommended order: the breaker admits and
//!   counts each attempt, and a rejection ends the request unless it is waited out.
//! - Inside of a breaker: see the anti-pattern above.
//! - Outside of a [fallback](crate::fallback): the retry doesn't see a failure for which the
//!   fallback has returned a response.
//!
//! # Errors
//!
//! The service returns the inner service's error of the last attempt, unchanged. With a time limit,
//! it may instead return the error that [`Timeouts`] makes.
//!
//! # Clone
//!
//! A clone of a [`RetryLayer`], and every service that a layer makes, share one policy. So they
//! share one budget.
//!
//! # Cancel safety
//!
//! The future can be dropped at any point. The drop cancels the attempt that is under way. It gives
//! back what the request holds in the budget and the quota for an attempt that wasn't made.

mod attempt_flow;
mod attempt_time;
pub mod backoff;
mod backoff_state;
mod box_policy;
pub mod budget;
mod config;
mod decision;
mod default_policy;
mod function_service;
pub mod future;
mod last_outcome;
mod layer;
mod lending_flow;
pub mod overrides;
mod policy;
pub mod quota;
mod rejected_retry;
mod rejection_wait;
mod request_age;
mod request_context;
mod request_flow;
mod request_replay;
mod run;
mod run_blocking;
mod run_lending;
mod service;
mod spare_instance;
mod stored_copy;
mod switch;
mod timeouts;

pub use crate::Elapsed;
pub use backoff::{Backoff, Jitter};
pub use box_policy::{BoxPolicy, BoxState};
pub use budget::{AnyBudget, Budget, BudgetStats, CostBucket, RequestBudget, RetryThrottle, TokenBucket};
pub use config::RetryConfig;
pub use decision::{Decision, DecisionReason};
pub use default_policy::RetryState;
pub use layer::RetryLayer;
pub use overrides::{OverridablePolicy, Overridden, Override, OverrideDecision, Proposal};
pub use policy::Policy;
pub use quota::{QuotaExceeded, RetryQuota};
pub use rejected_retry::RejectedRetry;
pub use rejection_wait::RejectionWait;
pub use request_replay::{CloneRequest, CopyWith, Deposits, PrepareResend, RequestReplay};
pub use service::Retry;
pub use switch::RetrySwitch;
pub use timeouts::{NoTimeouts, TimeLimits, TimeoutFromElapsed, TimeoutOutcome, TimeoutWith, Timeouts};
