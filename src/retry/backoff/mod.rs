//! The delays between attempts. Pure functions: they read no clock and don't sleep.
//!
//! Jitter matters more than the curve: clients that failed at the same moment must not return at
//! the same moment. But neither ends an overload that retries sustain. Only a
//! [budget](super::budget) does.

mod curve;
mod jitter;
#[cfg(test)]
mod tests;

pub use curve::{Backoff, Delays};
pub use jitter::Jitter;
