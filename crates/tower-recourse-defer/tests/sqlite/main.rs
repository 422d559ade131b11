//! The queue on SQLite.
#![cfg(all(feature = "sqlite", feature = "testing"))]

mod conformance;
mod files;
