//! The worker, in paused time, on a queue in memory.
#![cfg(all(feature = "sqlite", feature = "testing"))]

mod circuits;
mod clock_steps;
mod crashes;
mod fixture;
mod leases;
mod limits;
#[cfg(feature = "metrics")]
mod metrics;
mod outcomes;
mod queue_errors;
#[cfg(any(feature = "audit", feature = "tracing"))]
mod records;
mod systems;
