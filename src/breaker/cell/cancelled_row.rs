//! Counts cancelled calls in a row. The count is stored in `StateCell::probes`, together with the
//! results of the probes, which a closed circuit doesn't need.
//!
//! ```text
//! closed:     generation 31 · unused 1 · cancelled 32
//! half-open:  generation 31 · unused 1 · cancelled 8 · slow 8 · failed 8 · counted 8
//! ```

use super::{context::TransitionContext, state_cell::StateCell};
use crate::{
    breaker::{
        generation::is_later,
        state::State,
        transition::{Phase, StateWord},
        window::Counts,
    },
    sync::{AtomicU64, Ordering},
};

const DROPPED: u64 = u32::MAX as u64;

const DROPPED_PROBES: u64 = 0xFF << 24;

impl StateCell {
    /// Adds a cancelled call to the row, unless `is_counted` is set: the caller's loop has then
    /// added it before. Returns the length of the row as a number of failures, or 0 if the circuit
    /// is closed and the row hasn't lasted for `cancelled_row_time`. Returns `None` if the caller
    /// must read the state word again.
    pub(super) fn record_cancelled(
        &self,
        before: u64,
        word: StateWord,
        context: TransitionContext<'_>,
        is_counted: &mut bool,
    ) -> Option<Counts> {
        let (generation, state, now) = (word.generation, word.state(), context.now);
        let row = || of(&self.probes, generation, state);
        let calls = match word.phase {
            Phase::Open => 0,
            // A call has succeeded, failed or ended neutrally since the last cancelled one, or no
            // call was cancelled before: a row begins.
            Phase::Closed { .. } if word.answered || row() == 0 => {
                if !self.lease_until.extend(before, generation, now()) {
                    return None;
                }
                begin(&self.probes, generation);
                *is_counted = true;
                1
            }
            _ if !std::mem::replace(is_counted, true) => add(&self.probes, generation, state),
            _ => row(),
        };
        // A short burst of cancellations doesn't mean that the service is down. This also holds for
        // a new circuit, which has no other calls yet.
        let lasts = || {
            let since = self.lease_until.of(generation);
            since.is_some_and(|since| now().saturating_sub(since) >= context.cancelled_row_time)
        };
        let calls = if state == State::Closed && !lasts() { 0 } else { calls };
        Some(Counts { calls, failures: calls, in_a_row: calls, ..Counts::default() })
    }
}

/// Starts a row with one cancelled call. Does nothing if the generation is over.
fn begin(word: &AtomicU64, generation: u32) {
    let first = |current: u64| {
        let writer = (current >> 33) as u32;
        (!is_later(writer, generation)).then_some(u64::from(generation) << 33 | 1)
    };
    // `Err`: a later generation uses the word.
    let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, first);
}

/// Adds one call to the row of `generation`, and returns its length.
fn add(word: &AtomicU64, generation: u32, state: State) -> u32 {
    let one_more = |current: u64| {
        let writer = (current >> 33) as u32;
        if is_later(writer, generation) {
            return None;
        }
        let current = if writer == generation { current } else { u64::from(generation) << 33 };
        let (row, one) = if state == State::Closed { (DROPPED, 1) } else { (DROPPED_PROBES, 1 << 24) };
        // The count saturates.
        Some(if current & row == row { current } else { current + one })
    };
    // `Err`: a later generation uses the word.
    let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
    of(word, generation, state)
}

/// Returns the length of the row.
fn of(word: &AtomicU64, generation: u32, state: State) -> u32 {
    let word = word.load(Ordering::Acquire);
    match state {
        _ if (word >> 33) as u32 != generation => 0,
        State::Closed => word as u32,
        _ => (word as u32 & DROPPED_PROBES as u32) >> 24,
    }
}

/// Ends the row of cancelled probes. Called when the service answered a probe with a neutral
/// result.
pub(super) fn forget_probes(word: &AtomicU64, generation: u32) {
    let forget = |current: u64| {
        let is_mine = (current >> 33) as u32 == generation && current & DROPPED_PROBES != 0;
        is_mine.then_some(current & !DROPPED_PROBES)
    };
    // `Err`: this generation has no row.
    let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, forget);
}
