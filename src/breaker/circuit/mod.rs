//! Circuits: the handles that callers and operators use.

mod calls;
#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod circuit;
mod control;
mod handle;
mod health_probe;
mod register;
mod snapshot;
mod stats;

pub use circuit::Circuit;
pub use handle::{CircuitHandle, NoClassifier};
pub use snapshot::CircuitSnapshot;
pub use stats::CircuitStats;
