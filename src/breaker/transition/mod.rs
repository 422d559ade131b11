//! The breaker's rules, pure: (word, what happened, counts) → the next word. No atomics, no clock, no I/O.

mod admission;
mod end;
mod probing;
mod rules;
#[cfg(test)]
mod tests;
mod word;

pub use probing::Undecided;
pub use rules::Rule;

pub(crate) use {
    admission::{AdmissionDecision, AdmissionKind, ElapsedTimers, after_time, decide_admission},
    end::{CallResult, after_call, failures_in_a_row_after},
    probing::{CloseCondition, ProbePolicy},
    rules::{ConsecutiveThreshold, CustomRule, RateThreshold, Rules},
    word::{Phase, StateWord},
};
