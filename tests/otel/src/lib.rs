//! The spans and events of tower-recourse with OpenTelemetry's SDK, and the programs of the page
//! `src/integrations/opentelemetry.md`.
//!
//! `cargo test --manifest-path tests/otel/Cargo.toml`
//!
//! The tests send requests over real sockets, and read the spans from the SDK's in-memory exporter
//! and the trace headers on the side of the server.

#[doc = include_str!("../../../src/integrations/opentelemetry.md")]
pub mod opentelemetry {}

#[cfg(test)]
mod exported;
#[cfg(test)]
mod grpc;
#[cfg(test)]
mod http_requests;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod trace_headers;
