//! Tests of the events that observers receive, and of the log.

mod events;
mod hostile_text;

#[path = "../support/circuits.rs"]
mod circuits;
#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
