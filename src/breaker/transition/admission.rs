use super::{
    probing::{ProbePolicy, Undecided},
    word::{Phase, StateWord},
};
use crate::breaker::state::Mode;

/// Who wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdmissionKind {
    Request,
    /// A probe of the user's own.
    Probe,
}

/// What of a circuit's own time is elapsed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ElapsedTimers {
    /// Open: the open time. Half-open: the lease of the newest probe. Closed: the ramp.
    pub(crate) timer: bool,
    /// Half-open: the limit of the whole time in it.
    pub(crate) limit: bool,
}

/// What the circuit answers to a call that wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AdmissionDecision {
    /// Closed: in, and nothing changes.
    Admit,
    /// Closed not long ago: in by chance.
    AdmitByChance,
    /// In, as a probe, if the word can be made this one.
    Probe(StateWord),
    /// Ask again when the word is this one: the circuit's own time was elapsed.
    Advance(StateWord),
    /// Not now.
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
                // No more can be counted. Those on their way have no say in the new round.
                (true, None) => AdmissionDecision::Probe(word.with_longer_streak().new_probe_round()),
            }
        }
        // The open time is elapsed: the first probe. Or probes are on their way, but have had their time: a new round, in
        // which they have no say.
        Phase::Open | Phase::HalfOpen { in_flight: 1.., .. } if elapsed.timer => {
            AdmissionDecision::Probe(word.new_probe_round())
        }
        // Settings were exchanged, and the new ones need no more results than there are: nobody is on the way who would
        // decide.
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

/// The admitted probes after one more. 0 is left for a circuit that hasn't admitted any yet.
fn next_probe_number(admitted: u8) -> u8 {
    if admitted >= StateWord::MAX_ADMITTED { 1 } else { admitted + 1 }
}

/// What a look at the circuit changes, without a call: its open time, or its time in half-open, may be elapsed.
pub(crate) fn after_time(probes: &ProbePolicy, word: StateWord, elapsed: ElapsedTimers) -> Option<StateWord> {
    match word.phase {
        Phase::Open if elapsed.timer && word.mode == Mode::Auto => Some(word.half_opened()),
        _ => advance_by_time(probes, word, elapsed),
    }
}

/// Where a circuit goes although nobody was admitted and nobody ended.
fn advance_by_time(probes: &ProbePolicy, word: StateWord, elapsed: ElapsedTimers) -> Option<StateWord> {
    match (word.phase, probes.limit) {
        (Phase::HalfOpen { .. }, Some((_, Undecided::Open))) if elapsed.limit => Some(word.opened()),
        (Phase::HalfOpen { .. }, Some((_, Undecided::Close))) if elapsed.limit => Some(word.closed()),
        (Phase::Closed { failures_in_a_row, slow_start: true }, _) if elapsed.timer => {
            Some(StateWord { phase: Phase::Closed { failures_in_a_row, slow_start: false }, ..word })
        }
        _ => None,
    }
}
