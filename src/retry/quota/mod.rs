//! Retry quotas: limits of retries per key and in total, which outlive a request. [`RetryQuota`].
//!
//! A limit of attempts bounds one request, and a [budget](super::budget) bounds a share of the
//! traffic. A quota bounds the retries of a batch, a tenant, or a day, across requests and, with
//! its [`QuotaSnapshot`], across restarts.
//!
//! ```
//! use std::io;
//! use tower_recourse::{RetryConfig, RetryLayer, retry::RetryQuota};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let quota = RetryQuota::new().max_per_key(3).max_total(50);
//! let layer = RetryLayer::new(RetryConfig::default().idempotent().quota(&quota, |item: &u32| *item));
//!
//! let down = |_| async { Err::<(), _>(io::Error::from(io::ErrorKind::ConnectionReset)) };
//! layer.run_for(&7, down).await.unwrap_err();
//! layer.run_for(&7, down).await.unwrap_err();
//! assert_eq!((quota.retries_for_key("7"), quota.total_retries()), (3, 3), "the second call had none left");
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tower-recourse = "0.1"
//! ```
//!
//! The retry counts a retry when it decides on it, before the wait, so that concurrent requests
//! can't exceed a limit together. It takes the count back if the attempt isn't made, or if a
//! breaker rejects it: a rejection costs nothing. Otherwise the count stays until you
//! [forget](RetryQuota::forget) the key or [reset](RetryQuota::reset) the quota. A success doesn't
//! reset it.
//!
//! # When not to use it
//!
//! Don't use it to protect a service from load: a quota never refills. Use a
//! [budget](super::budget).
//!
//! # Defaults
//!
//! | setting | default | why |
//! |---|---|---|
//! | [`max_per_key`](RetryQuota::max_per_key), [`max_total`](RetryQuota::max_total) | no limit | the limits depend on what a retry costs you |
//! | [`max_keys`](RetryQuota::max_keys) | 10,000 | it bounds the memory, because keys come from outside |
//!
//! If there are more keys, the quota forgets those whose last retry is the oldest, with their
//! counts. The total isn't affected. Only the first 256 bytes of a key are compared.
//!
//! # Events
//!
//! [`RetryScheduled`](crate::observe::Event::RetryScheduled) and
//! [`RetryStopped`](crate::observe::Event::RetryStopped) contain the key and the counts.
//!
//! # Errors
//!
//! A request whose limit is reached isn't retried: the retry returns its failure with
//! [`Cause::KeyQuota`](crate::Cause::KeyQuota) or [`Cause::TotalQuota`](crate::Cause::TotalQuota).
//! [`RetryQuota::try_acquire`] returns [`QuotaExceeded`].
//!
//! # Clone
//!
//! A clone of a [`RetryQuota`] is a handle to the same counts.

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

pub use exceeded::QuotaExceeded;
pub use permit::QuotaPermit;
pub use quota::RetryQuota;
pub(crate) use quota::WeakQuota;
pub use snapshot::QuotaSnapshot;
pub use source::{KeyedQuota, NoQuota, QuotaSource};
