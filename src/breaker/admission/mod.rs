//! Admission before a call: readiness of the inner service, and the permission of the circuit.

mod gate;
mod held_permit;
mod retry_timer;

pub(crate) use gate::{AdmissionGate, Entry};
