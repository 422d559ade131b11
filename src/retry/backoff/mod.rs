//! How long to wait before the next attempt: pure, no clock, no sleep.
//!
//! Jitter matters more than the curve: clients that failed at the same moment must not come back at the same moment. But
//! neither of them ends an overload that retries keep up: that takes a [budget](super::budget).

mod curve;
mod jitter;
#[cfg(test)]
mod tests;

pub use curve::{Backoff, Delays};
pub use jitter::Jitter;
