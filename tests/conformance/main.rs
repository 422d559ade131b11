//! Test cases of other projects, run against this crate with the same settings, the same steps and
//! the same expected results. Each table is one test, and its comment or its file names the source.
//! A row that fails shows its name. Where this crate differs on purpose, the row has our result,
//! and a comment gives the reason.

#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
mod play;

mod budget;
mod envoy;
mod failsafe_gax;
mod finagle;
mod gobreaker;
mod grpc;
mod polly;
mod readiness;
mod resilience4j;
mod seatbelt_breaker;
mod seatbelt_retry;
mod services;
mod smaller;
mod smithy;
mod tower_resilience_retry;
