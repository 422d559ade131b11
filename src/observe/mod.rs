//! Telling what happened: one [`Event`] at one place, handed to every [`Observer`].
//!
//! Nothing is told while nothing fails: a success on the first attempt through a closed circuit makes no event.
//! Observers are called on the task of the call, after the accounting is done and with no lock held; an observer that
//! is slow makes the call slow, and one that panics makes the call panic, with the counts right all the same.
//!
//! ```
//! use tower_recourse::{RetryConfig, observe::Event};
//!
//! let config = RetryConfig::default().observe(|event: &Event<'_>| {
//!     if let Event::RetryScheduled { attempt, delay, .. } = event {
//!         println!("attempt {attempt} failed, the next one in {delay:?}");
//!     }
//! });
//! # let _ = config;
//! ```
//!
//! ```toml
//! [dependencies]
//! tower-recourse = "0.1"
//! ```
//!
//! With the feature `tracing` every layer has an observer that writes through it. With the feature `audit`, `Audit` keeps a record of
//! what was done: a JSON object a line, in a file.

#[cfg(feature = "audit")]
pub mod audit;
mod event;
mod observer;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
mod observers;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "audit")]
pub use audit::Audit;
pub use event::{Booked, Event};
pub use observer::Observer;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
pub(crate) use observers::Observers;
#[cfg(feature = "tracing")]
pub use tracing::Tracing;
