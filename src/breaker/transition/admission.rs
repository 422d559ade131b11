//! Decides whether a call is admitted, and which transitions timers cause without a call.

use super::{
    probing::{HalfOpenTimeout, ProbePolicy},
    word::{Phase, StateWord},
};
use crate::breaker::state::Mode;

/// The origin of a call that requests admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdmissionKind {
    Request,
    /// A health probe of the user ([`Circuit::probe`](crate::Circuit::probe)).
    Probe,
}

/// Which timers of a circuit are over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ElapsedTimers {
    /// Open: the open time. Half-open: the lease of the newest probe. Closed: the slow start.
    pub(crate) timer: bool,
    /// Half-open: the half-open timeout.
    pub(crate) limit: bool,
}

/// The decision about the admission of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdmissionDecision {
    /// Closed: admit the call, and change nothing.
    Admit,
    /// In slow start: admit the call with a probability.
    AdmitByChance,
    /// Admit the call as a probe, if this thread can store this word.
    Probe(StateWord),
    /// A timer is over: store this word and decide again.
    Advance(StateWord),
    /// Reject the call.
    Reject,
}

pub(crate) fn decide_admission(
    probes: &ProbePolicy,
    word: StateWord,
    elapsed: ElapsedTimers,
    kind: AdmissionKind,
) -> AdmissionDecision {
    if let Some(next) = advance_by_time(probes, word, elapsed) {
        return AdmissionDecision::Advance(next);
    }
    let barred = probes.external_only && kind == AdmissionKind::Request;
    match word.phase {
        Phase::Closed { slow_start: true, .. } => AdmissionDecision::AdmitByChance,
        Phase::Closed { .. } => AdmissionDecision::Admit,
        Phase::Open if word.mode == Mode::ForcedOpen || barred => AdmissionDecision::Reject,
        Phase::HalfOpen { .. } if barred => AdmissionDecision::Reject,
        Phase::HalfOpen { in_flight, counted, admitted } if probes.trickles() => {
            match (elapsed.timer || admitted == 0, in_flight.checked_add(1)) {
                (false, _) => AdmissionDecision::Reject,
                (true, Some(in_flight)) => {
                    let word = if admitted == 0 { word } else { word.with_longer_streak() };
                    let admitted = next_probe_number(admitted);
                    AdmissionDecision::Probe(StateWord {
                        phase: Phase::HalfOpen { in_flight, counted, admitted },
                        ..word
                    })
                }
                // The count of probes in flight is at its maximum, so start a new round, which
                // doesn't count them.
                (true, None) => AdmissionDecision::Probe(word.with_longer_streak().new_probe_round()),
            }
        }
        // If the open time is over, admit the first probe. If the lease of the newest probe in
        // flight is over, start a new round, which doesn't count the probes in flight.
        Phase::Open | Phase::HalfOpen { in_flight: 1.., .. } if elapsed.timer => {
            AdmissionDecision::Probe(word.new_probe_round())
        }
        // A reconfiguration lowered the number of results that are needed. No probe is in flight
        // that could end the round, so start a new one.
        Phase::HalfOpen { in_flight: 0, counted, .. } if counted >= probes.results_needed() => {
            AdmissionDecision::Probe(word.new_probe_round())
        }
        Phase::HalfOpen { in_flight, counted, admitted } if probes.has_room(in_flight, counted) => {
            let admitted = next_probe_number(admitted);
            AdmissionDecision::Probe(StateWord {
                phase: Phase::HalfOpen { in_flight: in_flight + 1, counted, admitted },
                ..word
            })
        }
        Phase::Open | Phase::HalfOpen { .. } => AdmissionDecision::Reject,
    }
}

/// The number of the next probe, from 1 to 63. 0 means that no probe has been admitted yet.
fn next_probe_number(admitted: u8) -> u8 {
    if admitted >= StateWord::MAX_ADMITTED { 1 } else { admitted + 1 }
}

/// Returns the word after a timer is over, if that changes the word. This is for reads of the
/// state; an admission calls `decide_admission`.
pub(crate) fn after_time(probes: &ProbePolicy, word: StateWord, elapsed: ElapsedTimers) -> Option<StateWord> {
    match word.phase {
        Phase::Open if elapsed.timer && word.mode == Mode::Auto => Some(word.half_opened()),
        _ => advance_by_time(probes, word, elapsed),
    }
}

/// Returns the word after a timer is over, except after the open time.
fn advance_by_time(probes: &ProbePolicy, word: StateWord, elapsed: ElapsedTimers) -> Option<StateWord> {
    match (word.phase, probes.limit) {
        (Phase::HalfOpen { .. }, Some((_, HalfOpenTimeout::Open))) if elapsed.limit => Some(word.opened()),
        (Phase::HalfOpen { .. }, Some((_, HalfOpenTimeout::Close))) if elapsed.limit => Some(word.closed()),
        (Phase::Closed { failures_in_a_row, slow_start: true }, _) if elapsed.timer => {
            Some(StateWord { phase: Phase::Closed { failures_in_a_row, slow_start: false }, ..word })
        }
        _ => None,
    }
}
