//! Guides for users of other crates and retry configs.
//!
//! Each page shows pairs of complete programs, *before* with the other crate and *after* with this
//! one. It lists every setting of the other crate with its default and its counterpart here, the
//! formulas of both, the differences in behaviour, and the reasons to stay with the other crate.
//!
//! The [`comparison`] lists the features of all crates, and what this crate doesn't have.
//!
//! | page | for |
//! |---|---|
//! | [`backoff`] | `backoff` 0.4, which is unmaintained |
//! | [`backon`] | `backon` 1.6 |
//! | [`tower_retry`] | `tower::retry` of tower 0.5 |
//! | [`reqwest_retry`] | `reqwest-retry` 0.9 |
//! | [`reqwest`] | the own retry of reqwest 0.13 |
//! | [`failsafe`] | `failsafe` 1.3 |
//! | [`recloser`] | `recloser` 1.4 |
//! | [`tower_resilience`] | the retry, breaker and fallback of `tower-resilience` 0.14 |
//! | [`seatbelt`] | `seatbelt` 0.11 |
//! | [`aws_sdk`] | the retries of the AWS SDK for Rust |
//! | [`grpc_service_config`] | gRPC service configs with a `retryPolicy` |
//!
//! The package `tests/coming_from` in the repository compiles and runs the programs of these pages
//! with the other crates.
//!
//! These pages contain documentation only and add no code to a program.
#![cfg_attr(
    not(all(feature = "grpc", feature = "keyed", feature = "reqwest", feature = "tracing")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[doc = include_str!("backoff.md")]
pub mod backoff {}

#[doc = include_str!("backon.md")]
pub mod backon {}

#[doc = include_str!("tower_retry.md")]
pub mod tower_retry {}

#[doc = include_str!("failsafe.md")]
pub mod failsafe {}

#[doc = include_str!("recloser.md")]
pub mod recloser {}

#[doc = include_str!("tower_resilience.md")]
pub mod tower_resilience {}

#[doc = include_str!("seatbelt.md")]
pub mod seatbelt {}

#[doc = include_str!("aws_sdk.md")]
pub mod aws_sdk {}

#[doc = include_str!("grpc_service_config.md")]
pub mod grpc_service_config {}

#[doc = include_str!("comparison.md")]
pub mod comparison {}

#[doc = include_str!("reqwest_retry.md")]
pub mod reqwest_retry {}

#[doc = include_str!("reqwest.md")]
pub mod reqwest {}
