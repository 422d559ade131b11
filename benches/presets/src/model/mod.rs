//! Hand-written parts, with which the simulation compares those of the crate.

pub mod trickle;
pub mod wait_out;
