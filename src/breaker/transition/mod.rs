//! The state machine of a circuit, as pure functions. They compute the next state word from the
//! present word, an operation and counts. They use no atomics, no clock and no I/O.

mod admission;
mod end;
mod probing;
mod rules;
#[cfg(test)]
mod tests;
mod word;

pub use probing::HalfOpenTimeout;
pub use rules::CustomTripRule;

pub(crate) use {
    admission::{AdmissionDecision, AdmissionKind, ElapsedTimers, after_time, decide_admission},
    end::{CallResult, after_call, failures_in_a_row_after},
    probing::{CloseCondition, ProbePolicy},
    rules::{ConsecutiveThreshold, CustomRule, RateThreshold, Rules},
    word::{Phase, StateWord},
};
