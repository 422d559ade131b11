//! Guides for axum, tonic, hyper, reqwest, OpenTelemetry, apalis and graphile_worker: which layers
//! to use, in which order, and the pitfalls.
//!
//! | page | for | example |
//! |---|---|---|
//! | `axum` (feature `axum`) | routes of a server, and the services that their handlers call | `axum_app` |
//! | `gateway` (feature `axum`) | an axum server whose handlers call several upstreams | `gateway` |
//! | `tonic` (feature `tonic`) | gRPC clients, and servers | `tonic_client` |
//! | [`hyper`] | hyper-util's pooled client, over HTTP/1 and HTTP/2 | `hyper_client` |
//! | [`balance`] | `tower::balance` over several upstreams: outlier ejection | |
//! | `reqwest` (feature `reqwest`) | reqwest's client | `reqwest_client` |
//! | `opentelemetry` (feature `tracing`) | spans and metrics in OpenTelemetry | |
//! | [`apalis`] | jobs of apalis, on SQLite, PostgreSQL or Redis | |
//! | [`graphile_worker`] | jobs of graphile_worker, on PostgreSQL | |
//!
//! The pages of the protocol modules describe what these guides have in common: `http` covers
//! methods, statuses, delays and bodies; `grpc` covers codes, trailers and pushback.
//!
//! These pages contain documentation only and add no code to a program.
// Without these features, some links of the pages have no target.
#![cfg_attr(
    not(all(feature = "axum", feature = "tonic", feature = "keyed", feature = "tracing")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[cfg(feature = "axum")]
#[doc = include_str!("axum.md")]
pub mod axum {}

#[cfg(feature = "axum")]
#[doc = include_str!("gateway.md")]
pub mod gateway {}

#[cfg(feature = "tonic")]
#[doc = include_str!("tonic.md")]
pub mod tonic {}

#[doc = include_str!("balance.md")]
pub mod balance {}

#[doc = include_str!("hyper.md")]
pub mod hyper {}

// The package `tests/otel` tests the programs, because they need the crates of OpenTelemetry.
#[cfg(all(feature = "tracing", not(doctest)))]
#[doc = include_str!("opentelemetry.md")]
pub mod opentelemetry {}

// The package `tests/job_queues` tests these programs, because they need the crates of the queues.
#[cfg(not(doctest))]
#[doc = include_str!("apalis.md")]
pub mod apalis {}

#[cfg(not(doctest))]
#[doc = include_str!("graphile_worker.md")]
pub mod graphile_worker {}

#[cfg(feature = "reqwest")]
#[doc = include_str!("reqwest.md")]
pub mod reqwest {}
