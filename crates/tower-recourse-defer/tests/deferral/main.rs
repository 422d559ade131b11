//! The backup that stores requests, and their status.
#![cfg(all(feature = "sqlite", feature = "http", feature = "axum", feature = "testing"))]

mod http_requests;
mod refusals;
mod status;
mod storing;
