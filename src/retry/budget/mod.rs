//! Keeping retries a bounded share of traffic.
//!
//! # Why a budget and not just a limit of attempts?
//!
//! Because three retries a request are four times the load, and they come just when the service can't bear it. A limit of
//! attempts bounds what one request does; only a budget bounds what all of them do together. With 20 % the service sees at
//! most 1.2 times the demand (and a few retries a second more), however much of it fails.
//!
//! Back-off doesn't do that: it moves the load to a later time, and with a steady stream of requests there is no later time
//! at which nobody comes. See Marc Brooker, "Fixing retries with token buckets and circuit breakers" (2022).
//!
//! # Which one
//!
//! | | [`TokenBucket`] | [`CostBucket`] | [`RetryThrottle`] |
//! |---|---|---|---|
//! | from | Finagle | the AWS SDKs | gRPC (A6) |
//! | a request brings | its share | nothing | nothing |
//! | a failure takes | nothing | nothing | 1 |
//! | a retry takes | 1 | 5 to 14, by what went wrong | nothing |
//! | a success brings | nothing | the cost of its retry, or 1 | the ratio |
//! | time brings | a reserve | nothing | nothing |
//! | at first | empty, but for the reserve | full | full |
//! | while everything fails | 20 % of the traffic, and 10 a second | none, once 100 retries are spent | none, after the fifth failure |
//! | while one in a hundred fails | all are retried | all are retried | all are retried |
//! | to recover it needs | requests, or time | requests that succeed at once | attempts that succeed |
//! | **take it** | if unsure; with several clients, as its bound is a share of each one's traffic | for a client with few requests, or bursts; where kinds of failure differ | to behave as other gRPC clients do, or to stop at once |
//!
//! The first is the default, as it promises something about the load, and doesn't depend on how well it goes: it lets through
//! a share of retries in the worst outage, which is what finds out that it is over. The other two watch how well it goes, as a
//! [breaker](crate::breaker) does; with a breaker inside, they say the same thing twice.
//!
//! # Where it comes in
//!
//! ```text
//! request ─▶ deposit ─▶ attempt ─┬─▶ succeeded ─▶ return
//!                ┌───────▶       └─▶ failed ─▶ other checks ─▶ withdraw ─┬─▶ refused: return
//!                └── made ◀── ready ◀── wait ◀───────────────────────────┘ granted: reserved
//!            given up before: give back
//! ```
//!
//! A token is reserved before the wait, so retries that wait are counted, and goes back if the attempt isn't made: the caller
//! gives up, the service doesn't get ready, the request can't be sent again, or a breaker rejects it.
//!
//! # Sharing
//!
//! One layer is one budget, however many services it makes, and a clone of a [`RetryConfig`](crate::RetryConfig) shares it.
//! Several clients of one service best share one budget, as the service has to bear all of them:
//!
//! ```
//! use std::sync::Arc;
//! use tower_recourse::{RetryConfig, RetryLayer, retry::{Budget, TokenBucket}};
//!
//! let budget = Arc::new(TokenBucket::share(0.1)?);
//! let reads = RetryLayer::new(RetryConfig::default().shared_budget(budget.clone()));
//! let writes = RetryLayer::new(RetryConfig::default().retries(1).shared_budget(budget.clone()));
//! assert_eq!(budget.stats().granted, 0);
//! # let _ = (reads, writes);
//! # Ok::<(), tower_recourse::Invalid>(())
//! ```
//!
//! ```toml
//! [dependencies]
//! tower-recourse = "0.1"
//! ```
//!
//! A request may cross several retries on one budget. It deposits once, and the outcome of an attempt is told once: by the
//! innermost retry, which made it. With a task in between (`tower::buffer`, a spawned call), a request of HTTP or gRPC carries along
//! that it has deposited; for others, set [`without_deposits`](crate::RetryConfig::without_deposits) on the inner retry. There, the
//! outcome of an attempt is told by both.
//!
//! # Across restarts
//!
//! Each has a snapshot and a `restore`, and with the feature `store` a `FileStore` keeps it. It is seldom worth it: a client whose
//! [`CostBucket`] was empty when it crashed, and that begins with a full one, retries 100 times more. It is where clients crash in a
//! loop. Successes and deposits are no events, so what they bring is saved with whatever is saved next.
//!
//! # What it costs
//!
//! A bucket that is full is read and not written, so threads don't hinder each other while all is well: one load a request.
//! One that isn't is written by one compare-and-swap. The clock is read when the reserve is asked, and by every deposit if
//! deposits [age](TokenBucket::ttl). Nothing locks, waits or allocates.
//!
//! # When not to use one
//!
//! - A batch job that may take all night, alone on its service: [`without_budget`](crate::RetryConfig::without_budget), with a
//!   long back-off.
//! - Where one request is all there is (a program that makes one call): the reserve of the default lets it retry, and so it does no
//!   harm, but it has no traffic to be a share of.
//! - In place of a [breaker](crate::breaker): a budget ends retries and not first attempts.

mod any;
mod budget;
mod cost_bucket;
mod counts;
mod deposits;
mod level;
#[cfg(all(test, recourse_loom))]
mod loom;
mod reservation;
mod reserve;
mod retry_throttle;
mod slices;
mod snapshot;
mod token_bucket;

pub use any::AnyBudget;
pub use budget::{Budget, BudgetStats, Token};
pub use cost_bucket::CostBucket;
pub(crate) use reservation::Reservation;
pub use retry_throttle::RetryThrottle;
pub use snapshot::Snapshot;
pub use token_bucket::TokenBucket;
