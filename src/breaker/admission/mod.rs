//! Admission before a call: the readiness of the inner service, and the decision of the circuit.

mod gate;
mod held_permit;
mod retry_timer;

pub(crate) use gate::{AdmissionGate, Entry};
