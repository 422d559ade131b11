//! Tests of sizes and of allocations.
//!
//! They are in a binary of their own because all circuits of a process share recycled memory: a
//! test that creates many circuits changes what the next circuit allocates.

mod allocations;
mod circuit_bytes;
mod future_sizes;

#[path = "../support/circuits.rs"]
mod circuits;
