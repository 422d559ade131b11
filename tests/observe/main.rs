//! Tests of the events that observers receive, and of the log.

mod events;
mod hostile_text;
#[cfg(feature = "tracing")]
mod log_levels;
#[cfg(feature = "tracing")]
mod log_lines;
#[cfg(feature = "tracing")]
mod written;

#[path = "../support/circuits.rs"]
mod circuits;
#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
