//! Limits that outlive one request: retries per key, and in all. [`Ledger`].
//!
//! A limit of attempts bounds one request, a [budget](super::budget) bounds a share of the traffic; a ledger bounds what a whole
//! batch, a tenant, or a day may cost, across requests and, with its [`Snapshot`], across restarts.
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
//! A retry is entered when it is decided on, before the wait, so that no limit is ever passed, however many decide at once; it is
//! struck out again if it is never made, or if a breaker rejects it: a rejection costs nothing. What is entered stays until it is [forgotten](Ledger::forget) or
//! [reset](Ledger::reset): a success doesn't forget it.
//!
//! # When not to use it
//!
//! To protect a service from load: that is what a budget is for. A ledger never refills.
//!
//! # Bounds
//!
//! The ledger knows so many [keys](Ledger::keys), 10,000 unless set; when one more comes, those whose last retry is longest ago
//! leave, and their retries with them. The limit in all isn't touched by that. Of a key, the first 256 bytes count.

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
