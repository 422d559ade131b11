//! Tests of the fallback.

mod calls;

#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
#[path = "../support/scripted.rs"]
mod scripted;
