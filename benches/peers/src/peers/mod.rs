//! Each peer with the settings that its documentation shows, or else with its defaults.

pub mod backon;
pub mod failsafe;
pub mod ours;
pub mod recloser;
pub mod tower_resilience;
pub mod tower_retry;
