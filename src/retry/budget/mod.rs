//! Retry budgets: they limit retries to a share of the traffic.
//!
//! # Why a budget, and not only a limit of attempts?
//!
//! With three retries per request, a failing service receives four times the load, when it can
//! least bear it. A limit of attempts bounds the load of one request. Only a budget bounds the load
//! of all requests together. With a budget of 20 %, the service receives at most 1.2 times the
//! demand (and a few retries per second more), however many requests fail.
//!
//! Backoff doesn't limit the load. It moves load to a later time, and under a steady stream of
//! requests there is no later time without load. See Marc Brooker, "Fixing retries with token
//! buckets and circuit breakers" (2022).
//!
//! # Which budget
//!
//! | | [`TokenBucket`] | [`CostBucket`] | [`RetryThrottle`] |
//! |---|---|---|---|
//! | known from | Finagle | the AWS SDKs | gRPC (A6) |
//! | a request adds | its share | nothing | nothing |
//! | a failure takes | nothing | nothing | 1 |
//! | a retry takes | 1 | 5 to 14, by the kind of failure | nothing |
//! | a success adds | nothing | the cost of its retry, or 1 | the ratio |
//! | time adds | a reserve | nothing | nothing |
//! | at the start | 100 in the default, otherwise empty; and the reserve | full | full |
//! | while everything fails | 20 % of the traffic, and 10 per second | none, once 100 retries are spent | none, after the fifth failure |
//! | while 1 % fails | all failures are retried | all failures are retried | all failures are retried |
//! | needed for recovery | requests, or time | requests that succeed at the first attempt | attempts that succeed |
//! | **use it** | by default; with several clients, because its limit is a share of each client's traffic | for a client with few requests or bursts; if kinds of failure need different costs | to behave like other gRPC clients, or to stop retries at once |
//!
//! The token bucket is the default, because it limits the load whatever the success rate is. Even
//! in the worst outage it lets a share of the retries through, which detect the recovery. The other
//! two react to the success rate, as a [breaker](crate::breaker) does; with a breaker inside the
//! retry, they duplicate its effect.
//!
//! # The path of a request
//!
//! ```text
//! request ─▶ deposit ─▶ attempt ─┬─▶ success ─▶ return
//!                ┌───────▶       └─▶ failure ─▶ other checks ─▶ withdraw ─┬─▶ refused: return
//!                └─ spend ◀── ready ◀── wait ◀────────────────────────────┘ granted: reserved
//!            given up before: refund
//! ```
//!
//! The retry reserves a token before the wait, so that waiting retries count. It refunds the token
//! if the attempt isn't made: the caller drops the request, the service doesn't become ready, the
//! request can't be sent again, or a breaker rejects the call.
//!
//! # Sharing
//!
//! One layer has one budget, however many services it makes, and a clone of a
//! [`RetryConfig`](crate::RetryConfig) shares it. Let several clients of one service share one
//! budget, because the service bears the load of all of them:
//!
//! ```
//! use std::sync::Arc;
//! use tower_recourse::{RetryConfig, RetryLayer, retry::{Budget, TokenBucket}};
//!
//! let budget = Arc::new(TokenBucket::retry_ratio(0.1)?);
//! let reads = RetryLayer::new(RetryConfig::default().shared_budget(budget.clone()));
//! let writes = RetryLayer::new(RetryConfig::default().retries(1).shared_budget(budget.clone()));
//! assert_eq!(budget.stats().granted, 0);
//! # let _ = (reads, writes);
//! # Ok::<(), tower_recourse::InvalidConfig>(())
//! ```
//!
//! ```toml
//! [dependencies]
//! tower-recourse = "0.1"
//! ```
//!
//! A request may cross several retries on one budget. It deposits once, and the innermost retry,
//! which makes the attempts, reports each outcome. If a task is in between (`tower::buffer`, a
//! spawned call), an HTTP or gRPC request carries the information that it has deposited. For other
//! requests, set [`without_deposits`](crate::RetryConfig::without_deposits) on the inner retry.
//! With a task in between, both retries report the outcome of an attempt.
//!
//! # Without the layer
//!
//! A retry loop that isn't this crate's can use a budget too: a hand-written one, that of an SDK,
//! or one of the crates `backon` and `tokio-retry2`. [`RequestBudget`] is the account of one
//! request. It deposits, reserves a token before the wait, and refunds it if the caller gives up
//! during the wait. With a crate that calls a predicate before each wait, such as backon's `when`,
//! let the predicate call [`try_retry`](RequestBudget::try_retry), and call
//! [`succeeded`](RequestBudget::succeeded) after a success. A loop that blocks looks the same:
//!
//! ```
//! use std::{fs, io, sync::Arc, thread, time::Duration};
//! use tower_recourse::{FailureKind, retry::{AnyBudget, TokenBucket}};
//!
//! fn read(path: &str, budget: &AnyBudget) -> io::Result<String> {
//!     let mut request = budget.request();
//!     loop {
//!         request.spend();
//!         match fs::read_to_string(path) {
//!             Err(error) if error.kind() == io::ErrorKind::Interrupted && request.try_retry(FailureKind::Transient) => {
//!                 thread::sleep(Duration::from_millis(1));
//!             }
//!             Ok(text) => {
//!                 request.succeeded();
//!                 return Ok(text);
//!             }
//!             Err(error) => return Err(error),
//!         }
//!     }
//! }
//!
//! let budget = AnyBudget::from(Arc::new(TokenBucket::default()));
//! assert!(read("no such file", &budget).is_err());
//! ```
//!
//! A layer and such a loop may [share](#sharing) a budget. If the loop runs inside a retry on the
//! same budget, the request deposits once.
//!
//! # Across restarts
//!
//! Each budget has a snapshot and a `restore`, and with the feature `store` a `FileStore` saves it.
//! This is rarely needed: a client that crashes with an empty [`CostBucket`] and restarts with a
//! full one makes 100 more retries. Use it for clients that crash in a loop. Successes and deposits
//! emit no events, so the store saves their effect with the next save.
//!
//! # What it costs
//!
//! A full bucket is read and not written, so threads don't slow each other down on the healthy
//! path: one load per request. A bucket that isn't full is written by one compare-and-swap. The
//! clock is read when a retry needs the reserve, and by each deposit if deposits
//! [age](TokenBucket::ttl). Nothing locks, waits, or allocates.
//!
//! # When not to use one
//!
//! - A batch job that may run all night and is the only client of its service: use
//!   [`without_budget`](crate::RetryConfig::without_budget) with a long backoff.
//! - A program that makes a single call: it has no traffic to take a share of. The default does no
//!   harm, because the initial tokens and the reserve allow retries.
//! - In place of a [breaker](crate::breaker): a budget stops retries, but not first attempts.
//!
//! # Anti-patterns
//!
//! **A budget per request.** A layer that is made for one request has a budget of its own, with all
//! of the initial tokens. Such a budget limits nothing.
//!
//! ```
//! use tower_recourse::{RetryConfig, RetryLayer};
//!
//! // Wrong
//! let per_request = || RetryLayer::new(RetryConfig::default());
//! # let _ = per_request;
//!
//! // Right: clones of a configuration share its budget
//! let config = RetryConfig::default();
//! let per_request = || RetryLayer::new(config.clone());
//! # let _ = per_request;
//! ```
//!
//! # Errors
//!
//! The constructors and setters return [`InvalidConfig`](crate::InvalidConfig) for values out of
//! range. A budget that refuses a retry isn't an error: the retry returns the failure with
//! [`Cause::Budget`](crate::Cause::Budget).
//!
//! # Clone
//!
//! Budgets are shared by `Arc`. A clone of an [`AnyBudget`] is a handle to the same budget.

mod any;
#[expect(clippy::module_inception, reason = "the module is named after its main trait")]
mod budget;
mod cost_bucket;
mod counts;
mod deposits;
mod level;
#[cfg(all(test, recourse_loom))]
mod loom;
mod request_budget;
mod reservation;
mod reserve;
mod retry_throttle;
mod slices;
mod snapshot;
mod token_bucket;

pub use any::AnyBudget;
pub use budget::{Budget, BudgetStats, Token};
pub use cost_bucket::CostBucket;
pub use request_budget::RequestBudget;
pub(crate) use reservation::Reservation;
pub use retry_throttle::RetryThrottle;
pub use snapshot::BudgetSnapshot;
pub use token_bucket::TokenBucket;
