//! The worker, in paused time, on a queue in memory.
#![cfg(all(feature = "sqlite", feature = "testing"))]

mod circuits;
mod crashes;
mod fixture;
mod leases;
mod limits;
mod outcomes;
mod queue_errors;
mod systems;
