use super::{
    probing::Probing,
    rules::Rules,
    word::{Phase, Word},
};
use crate::breaker::{
    state::{Mode, State},
    window::Counts,
};

/// What a call's end says to the circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Success,
    Failure,
    /// Neither, but it had taken too long when it was dropped.
    Slow,
    /// Answered, and judged neutral.
    Neutral,
    /// Dropped, where that is a failure as long as every call is.
    Dropped,
    /// Neither: the call wasn't made, or it was dropped where that says nothing.
    Neither,
}

/// The word after a call of its own generation ended. `counts`: of the window while closed, of the
/// probes while half-open, this ending included. `lasted`: for how many microseconds the row of
/// failures, or of dropped calls, has lasted.
pub(crate) fn end(
    rules: &Rules,
    probing: &Probing,
    word: Word,
    ending: Ending,
    (counts, lasted): (Counts, u64),
) -> Word {
    match word.phase {
        Phase::Closed { failures_in_a_row, ramping } => {
            if ending == Ending::Neither {
                return word;
            }
            let failures_in_a_row = row(failures_in_a_row, ending);
            let answered = ending != Ending::Dropped && (word.answered || ending != Ending::Slow);
            let stays = Word { phase: Phase::Closed { failures_in_a_row, ramping }, answered, ..word };
            let opens = match ending {
                Ending::Neutral => false,
                // As if these were all the calls that there are.
                Ending::Dropped => counts.calls >= ALL_DROPPED && rules.open((counts.in_a_row, lasted), counts),
                _ => rules.open((failures_in_a_row, lasted), counts),
            };
            match word.mode {
                Mode::Auto if opens => word.open(),
                // Told once a generation: the streak, which a closed circuit has no use for, remembers it.
                Mode::MetricsOnly if opens => Word { streak: 1, ..stays },
                _ => stays,
            }
        }
        Phase::HalfOpen { in_flight, counted, admitted } => {
            let in_flight = in_flight.saturating_sub(1);
            let all_dropped = counts.calls >= ALL_DROPPED.max(probing.needed().into());
            if probing.trickles() {
                let (failed, is_result) = match ending {
                    Ending::Success => return word.closed(),
                    Ending::Failure | Ending::Slow => (true, 1),
                    Ending::Dropped => (all_dropped, 0),
                    Ending::Neutral | Ending::Neither => (false, 0),
                };
                let counted = counted.saturating_add(is_result);
                return match in_flight {
                    0 if failed => word.open(),
                    _ => Word { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word },
                };
            }
            match ending {
                Ending::Dropped if all_dropped => return word.open(),
                Ending::Dropped | Ending::Neutral | Ending::Neither => {
                    return Word { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word };
                }
                Ending::Success | Ending::Failure | Ending::Slow => {}
            }
            let counted = counted.saturating_add(1);
            match probing.decide(rules, counted, counts) {
                Some(State::Open) => word.open(),
                Some(_) => word.closed(),
                None => Word { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word },
            }
        }
        // No permit belongs to an open generation.
        Phase::Open => word,
    }
}

/// Fewer dropped calls than this don't count as "all calls are dropped".
const ALL_DROPPED: u32 = 3;

/// The failures in a row after one more call.
pub(crate) fn row(failures_in_a_row: u32, ending: Ending) -> u32 {
    match ending {
        Ending::Success => 0,
        Ending::Failure => failures_in_a_row.saturating_add(1),
        Ending::Slow | Ending::Neutral | Ending::Dropped | Ending::Neither => failures_in_a_row,
    }
}
