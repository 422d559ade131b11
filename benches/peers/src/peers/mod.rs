//! Each peer, set up as its own documentation has it; where that says nothing, by its defaults.

pub mod backon;
pub mod failsafe;
pub mod ours;
pub mod recloser;
pub mod tower_resilience;
pub mod tower_retry;
