//! The queue on SQLite.
#![cfg(all(feature = "sqlite", feature = "testing"))]

mod adversity;
mod conformance;
mod files;
