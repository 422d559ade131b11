use super::{
    probing::{Probing, Undecided},
    word::{Phase, Word},
};
use crate::breaker::state::Mode;

/// Who wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asking {
    Request,
    /// A probe of the user's own.
    Probe,
}

/// What of a circuit's own time is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Over {
    /// Open: the open time. Half-open: the lease of the newest probe. Closed: the ramp.
    pub(crate) timer: bool,
    /// Half-open: the limit of the whole time in it.
    pub(crate) limit: bool,
}

/// What the circuit answers to a call that wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Closed: in, and nothing changes.
    Admit,
    /// Closed not long ago: in by chance.
    Ramp,
    /// In, as a probe, if the word can be made this one.
    Probe(Word),
    /// Ask again when the word is this one: the circuit's own time was over.
    Move(Word),
    /// Not now.
    Reject,
}

pub(crate) fn admit(probing: &Probing, word: Word, over: Over, asking: Asking) -> Admission {
    if let Some(next) = by_itself(probing, word, over) {
        return Admission::Move(next);
    }
    let barred = probing.own && asking == Asking::Request;
    match word.phase {
        Phase::Closed { ramping: true, .. } => Admission::Ramp,
        Phase::Closed { .. } => Admission::Admit,
        Phase::Open if word.mode == Mode::ForcedOpen || barred => Admission::Reject,
        Phase::HalfOpen { .. } if barred => Admission::Reject,
        Phase::HalfOpen { in_flight, counted, admitted } if probing.trickles() => {
            match (over.timer || admitted == 0, in_flight.checked_add(1)) {
                (false, _) => Admission::Reject,
                (true, Some(in_flight)) => {
                    let word = if admitted == 0 { word } else { word.opened_once_more() };
                    let admitted = one_more(admitted);
                    Admission::Probe(Word { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word })
                }
                // No more can be counted. Those on their way have no say in the new round.
                (true, None) => Admission::Probe(word.opened_once_more().new_round()),
            }
        }
        // The open time is over: the first probe. Or probes are on their way, but have had their time: a new round, in
        // which they have no say.
        Phase::Open | Phase::HalfOpen { in_flight: 1.., .. } if over.timer => Admission::Probe(word.new_round()),
        // Settings were exchanged, and the new ones need no more results than there are: nobody is on the way who would
        // decide.
        Phase::HalfOpen { in_flight: 0, counted, .. } if counted >= probing.needed() => {
            Admission::Probe(word.new_round())
        }
        Phase::HalfOpen { in_flight, counted, admitted } if probing.has_room(in_flight, counted) => {
            let admitted = one_more(admitted);
            Admission::Probe(Word { phase: Phase::HalfOpen { in_flight: in_flight + 1, counted, admitted }, ..word })
        }
        Phase::Open | Phase::HalfOpen { .. } => Admission::Reject,
    }
}

/// The admitted probes after one more. 0 is left for a circuit that hasn't admitted any yet.
fn one_more(admitted: u8) -> u8 {
    if admitted >= Word::MAX_ADMITTED { 1 } else { admitted + 1 }
}

/// What a look at the circuit changes, without a call: its open time, or its time in half-open, may be over.
pub(crate) fn look(probing: &Probing, word: Word, over: Over) -> Option<Word> {
    match word.phase {
        Phase::Open if over.timer && word.mode == Mode::Auto => Some(word.half_open()),
        _ => by_itself(probing, word, over),
    }
}

/// Where a circuit goes although nobody was admitted and nobody ended.
fn by_itself(probing: &Probing, word: Word, over: Over) -> Option<Word> {
    match (word.phase, probing.limit) {
        (Phase::HalfOpen { .. }, Some((_, Undecided::Open))) if over.limit => Some(word.open()),
        (Phase::HalfOpen { .. }, Some((_, Undecided::Close))) if over.limit => Some(word.closed()),
        (Phase::Closed { failures_in_a_row, ramping: true }, _) if over.timer => {
            Some(Word { phase: Phase::Closed { failures_in_a_row, ramping: false }, ..word })
        }
        _ => None,
    }
}
