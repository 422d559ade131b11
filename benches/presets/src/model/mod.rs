//! Hand-written parts, to which the crate's own are compared.

pub mod trickle;
pub mod wait_out;
