//! Tests of the fallback.

mod calls;
mod events;
#[cfg(feature = "last-good")]
mod last_good;

#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
#[path = "../support/scripted.rs"]
mod scripted;
