//! Cases that other projects wrote, held against this crate: their settings, their sequence, what must come out. A table is
//! one test, its origin stands beside it, and a row that fails says its name. Where we differ on purpose the row stays,
//! with what we do instead and why.

#[path = "../support/fixed_numbers.rs"]
mod fixed_numbers;
mod play;

mod budget;
mod envoy;
mod finagle;
mod gobreaker;
mod grpc;
mod polly;
mod readiness;
mod resilience4j;
mod retry;
mod seatbelt_breaker;
mod seatbelt_retry;
mod services;
mod smaller;
mod smithy;
mod tower_resilience_retry;
