//! The worker, in paused time, on a queue in memory.
#![cfg(all(feature = "sqlite", feature = "testing"))]

mod circuits;
mod clock_steps;
mod crashes;
mod fixture;
mod leases;
mod limits;
mod metrics;
mod outcomes;
mod queue_errors;
mod records;
mod systems;
