//! The queue on PostgreSQL. The tests start servers of their own.
#![cfg(all(feature = "postgres", feature = "testing"))]

mod adversity;
mod conformance;
#[path = "../support/postgres_server.rs"]
mod postgres_server;
mod server;
