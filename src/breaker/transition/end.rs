//! Decides how the result of a call changes the state.

use super::{
    probing::ProbePolicy,
    rules::Rules,
    word::{Phase, StateWord},
};
use crate::breaker::{
    state::{Mode, State},
    window::Counts,
};

/// The results of calls that the state machine distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallResult {
    Success,
    Failure,
    /// Cancelled or not counted, but the call took too long.
    Slow,
    /// The service answered, and the classifier or the settings made it neutral.
    Neutral,
    /// The caller dropped the call. The settings count this as a failure while all calls are
    /// dropped.
    Cancelled,
    /// The call wasn't made, a breaker further in rejected it, or it was dropped and the settings
    /// ignore that.
    Ignored,
}

/// Returns the word after a call of the word's generation has ended. `counts` are those of the
/// windows while closed, and of the probes while half-open; they include this result. For a
/// cancelled call, they are those of the row of cancelled calls. `row_lasted` is how long the row
/// of failures, or of cancelled calls, has lasted, in microseconds. `may_open` is `false` if the
/// circuit's group allows no further open circuit; then a closed circuit stays closed.
pub(crate) fn after_call(
    rules: &Rules,
    probes: &ProbePolicy,
    word: StateWord,
    result: CallResult,
    counts: Counts,
    row_lasted: u64,
    may_open: bool,
) -> StateWord {
    match word.phase {
        Phase::Closed { failures_in_a_row, slow_start } => {
            if result == CallResult::Ignored {
                return word;
            }
            let failures_in_a_row = failures_in_a_row_after(failures_in_a_row, result);
            let answered = result != CallResult::Cancelled && (word.answered || result != CallResult::Slow);
            let stays = StateWord { phase: Phase::Closed { failures_in_a_row, slow_start }, answered, ..word };
            let opens = match result {
                CallResult::Neutral => false,
                // Here, `counts` contains only the row of cancelled calls, so the rules are
                // evaluated as if there were no other calls.
                CallResult::Cancelled => {
                    counts.calls >= MIN_ALL_CANCELLED && rules.open(counts.in_a_row, row_lasted, counts)
                }
                _ => rules.open(failures_in_a_row, row_lasted, counts),
            };
            match word.mode {
                // This is the first opening in a row, also if the streak records an event.
                Mode::Auto if opens && may_open => StateWord { streak: 0, ..word }.opened(),
                // The event is emitted once per generation, and again after a change of rules. A
                // streak of 1 records that it was emitted; a closed circuit doesn't use the streak
                // otherwise.
                Mode::Auto | Mode::MetricsOnly if opens => StateWord { streak: 1, ..stays },
                _ => stays,
            }
        }
        Phase::HalfOpen { in_flight, counted, admitted } => {
            let in_flight = in_flight.saturating_sub(1);
            let all_cancelled = counts.calls >= MIN_ALL_CANCELLED.max(probes.results_needed().into());
            if probes.trickles() {
                let (failed, is_result) = match result {
                    CallResult::Success => return word.closed(),
                    CallResult::Failure | CallResult::Slow => (true, 1),
                    CallResult::Cancelled => (all_cancelled, 0),
                    CallResult::Neutral | CallResult::Ignored => (false, 0),
                };
                let counted = counted.saturating_add(is_result);
                return match in_flight {
                    0 if failed => word.opened(),
                    _ => StateWord { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word },
                };
            }
            match result {
                CallResult::Cancelled if all_cancelled => return word.opened(),
                CallResult::Cancelled | CallResult::Neutral | CallResult::Ignored => {
                    return StateWord { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word };
                }
                CallResult::Success | CallResult::Failure | CallResult::Slow => {}
            }
            let counted = counted.saturating_add(1);
            match probes.decide(rules, counted, counts) {
                Some(State::Open) => word.opened(),
                Some(_) => word.closed(),
                None => StateWord { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word },
            }
        }
        // No permit belongs to an open generation.
        Phase::Open => word,
    }
}

/// The minimum number of cancelled calls in a row that count as "all calls are cancelled".
const MIN_ALL_CANCELLED: u32 = 3;

/// Returns the failures in a row after one more call.
pub(crate) fn failures_in_a_row_after(failures_in_a_row: u32, result: CallResult) -> u32 {
    match result {
        CallResult::Success => 0,
        CallResult::Failure => failures_in_a_row.saturating_add(1),
        CallResult::Slow | CallResult::Neutral | CallResult::Cancelled | CallResult::Ignored => failures_in_a_row,
    }
}
