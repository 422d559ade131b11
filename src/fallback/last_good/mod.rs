//! The last good response as the answer to a failed call:
//! [`FallbackLayer::last_good`](crate::FallbackLayer::last_good) (feature `last-good`).
//!
//! The layer stores each good response under a key of its request. If a later call with the same
//! key fails, it answers with the stored response, unless that is too old. This is `stale-if-error`
//! of [RFC 5861](https://www.rfc-editor.org/rfc/rfc5861#section-4), for any request and response.
//!
//! ```
//! use std::{io, time::Duration};
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::FallbackLayer;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let calls = std::sync::atomic::AtomicU32::new(0);
//! let prices = service_fn(move |item: &'static str| {
//!     let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
//!     async move { if call == 0 { Ok(format!("{item}: 5 €")) } else { Err(io::Error::from(io::ErrorKind::TimedOut)) } }
//! });
//!
//! let last_good = FallbackLayer::last_good(|item: &&'static str| Some((*item).to_owned()))
//!     .max_age(Duration::from_secs(600))
//!     .max_entries(10_000)?
//!     .max_weight(64 << 20, |price: &String| price.len() as u64)?;
//! let mut prices = ServiceBuilder::new().layer(last_good).service(prices);
//!
//! assert_eq!(prices.ready().await?.call("tea").await?, "tea: 5 €");
//! assert_eq!(prices.ready().await?.call("tea").await?, "tea: 5 €");       // stored
//! assert!(prices.ready().await?.call("coffee").await.is_err());           // never stored
//! # Ok(())
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! tokio = { version = "1", features = ["full"] }
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["last-good"] }
//! ```
//!
//! The [report](crate::report) of a stored answer names the fallback and its cause, so that a layer
//! around this one can mark the response as old.
//!
//! # What is stored
//!
//! - A response that the [classifier](LastGoodLayer::classifier) classifies as a success. A
//!   breaker's rejection, and the answer of a fallback inside this layer, aren't stored.
//! - Under a key that the key function returns. `None` stores nothing and answers nothing. Include
//!   everything that the response depends on, such as the user: otherwise one user gets the
//!   response of another.
//! - Up to [`max_entries`](LastGoodLayer::max_entries) and
//!   [`max_weight`](LastGoodLayer::max_weight). Beyond them, the cache (`quick_cache`) evicts
//!   responses that are seldom stored or used.
//!
//! A good response replaces the stored one, unless the call of the stored one started later.
//!
//! # When not to use it
//!
//! - If an outdated response does harm, such as an account balance or a permission.
//! - For HTTP responses: their bodies can't be cloned, and this layer doesn't read `Cache-Control`.
//!   Use `http::StaleIfErrorLayer` (feature `http`).
//! - As a cache: each call goes to the primary.
//!
//! # Cost
//!
//! Each call computes its key twice, and classifies its outcome twice. Each good response is cloned
//! and stored behind a lock.
//!
//! # Errors
//!
//! The errors of the primary. If there is no stored response, its error is returned.
//!
//! # Clone
//!
//! A clone of the layer shares the stored responses, and so do all services that it makes.
//!
//! # Cancel safety
//!
//! Dropping the future drops the inner call, and stores nothing.
//!
//! # Events
//!
//! Those of a [fallback](crate::fallback#events), with the name `last_good`.

mod backup;
mod layer;
mod record;
mod settings;
pub(crate) mod store;

pub use backup::{LastGoodBackup, NoStoredResponse};
pub use layer::LastGoodLayer;
pub use record::{Pending, RecordFuture, RecordGood};
