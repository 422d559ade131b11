//! With axum, tonic, hyper and reqwest: which layers, in which order, and what to know before.
//!
//! | page | for | example that runs |
//! |---|---|---|
//! | `axum` (feature `axum`) | routes of a server, and what their handlers call | `axum_app` |
//! | `tonic` (feature `tonic`) | gRPC clients, and servers | `tonic_client` |
//! | [`hyper`] | hyper-util's pooled client, over HTTP/1 and HTTP/2 | `hyper_client` |
//! | [`reqwest`] | reqwest's client | `reqwest_client` |
//!
//! What they have in common is told by the pages of the edges: `http` for methods, statuses, delays and bodies, `grpc` for codes, trailers
//! and pushback.
//!
//! These pages are documentation only; nothing of them is compiled into a program.
// The pages link to one another and to what other features bring.
#![cfg_attr(
    not(all(feature = "axum", feature = "tonic", feature = "keyed", feature = "tracing")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[cfg(feature = "axum")]
#[doc = include_str!("axum.md")]
pub mod axum {}

#[cfg(feature = "tonic")]
#[doc = include_str!("tonic.md")]
pub mod tonic {}

#[doc = include_str!("hyper.md")]
pub mod hyper {}

#[doc = include_str!("reqwest.md")]
pub mod reqwest {}
