//! Retry quotas: limits of retries per key and in total, which outlive a request. [`Ledger`].
//!
//! A limit of attempts bounds one request, and a [budget](super::budget) bounds a share of the
//! traffic. A ledger bounds the retries of a batch, a tenant, or a day, across requests and, with its
//! [`Snapshot`], across restarts.
//!
//! ```
//! use std::io;
//! use tower_recourse::{RetryConfig, RetryLayer, retry::Ledger};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let ledger = Ledger::new().per_key(3).in_all(50);
//! let layer = RetryLayer::new(RetryConfig::default().idempotent().ledger(&ledger, |item: &u32| *item));
//!
//! let down = |_| async { Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionReset)) };
//! layer.run_for(&7, down).await.unwrap_err();
//! layer.run_for(&7, down).await.unwrap_err();
//! assert_eq!((ledger.retries_of("7"), ledger.retries_in_all()), (3, 3), "none was left for the second time");
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower-recourse = "0.1"
//! ```
//!
//! The retry counts a retry when it decides on it, before the wait, so that concurrent requests can't
//! exceed a limit together. It takes the count back if the attempt isn't made, or if a breaker
//! rejects it: a rejection costs nothing. Otherwise the count stays until you
//! [forget](Ledger::forget) the key or [reset](Ledger::reset) the ledger. A success doesn't reset it.
//!
//! # When not to use it
//!
//! Don't use it to protect a service from load: a ledger never refills. Use a
//! [budget](super::budget).
//!
//! # Defaults
//!
//! | setting | default | why |
//! |---|---|---|
//! | [`per_key`](Ledger::per_key), [`in_all`](Ledger::in_all) | no limit | the limits depend on what a retry costs you |
//! | [`keys`](Ledger::keys) | 10,000 | it bounds the memory, because keys come from outside |
//!
//! If there are more keys, the ledger forgets those whose last retry is the oldest, with their counts.
//! The total isn't affected. The first 256 bytes of a key count.
//!
//! # Events
//!
//! [`RetryScheduled`](crate::observe::Event::RetryScheduled) and
//! [`RetryStopped`](crate::observe::Event::RetryStopped) contain the key and the counts.
//!
//! # Errors
//!
//! A request whose limit is reached isn't retried: the retry returns its failure with
//! [`Cause::LedgerKey`](crate::Cause::LedgerKey) or [`Cause::LedgerInAll`](crate::Cause::LedgerInAll).
//! [`Ledger::take`] returns [`Spent`].
//!
//! # Clone
//!
//! A clone of a [`Ledger`] is a handle to the same counts.

mod counts;
mod exceeded;
mod key;
mod permit;
#[cfg(feature = "store")]
mod persist;
#[expect(clippy::module_inception, reason = "the module is named after its main type")]
mod quota;
mod snapshot;
mod source;

pub use exceeded::Spent;
pub use permit::Entry;
pub use quota::Ledger;
pub use snapshot::Snapshot;
pub use source::{Accounts, Ledgered, NoLedger};
