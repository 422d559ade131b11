//! The row of failures that leads to an opening, and when it began.

use super::{
    context::TransitionContext,
    failing_since::FailingSince,
    stamp::Stamp,
    state_cell::StateCell,
    step::{NewTimes, StampReadings},
};
use crate::breaker::{
    state::{Mode, State},
    transition::{CallResult, Phase, StateWord},
};

/// The row of failures that a result belongs to. All fields are unset if the circuit isn't closed,
/// if the result belongs to no row, or if neither a rule nor the open time needs the time at which
/// the row began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FailureRow {
    /// When its first failure ended.
    pub(super) since: Option<FailingSince>,
    /// How long the row has lasted at the end of a failed or cancelled call, in microseconds.
    pub(super) lasted: u64,
    /// This failure is the first of the row, so its time must be written.
    pub(super) begins: bool,
}

impl StateCell {
    pub(super) fn failure_row(
        &self,
        before: StampReadings,
        word: StateWord,
        result: CallResult,
        context: TransitionContext<'_>,
    ) -> FailureRow {
        let Phase::Closed { failures_in_a_row, .. } = word.phase else { return FailureRow::default() };
        if !context.times_failure_rows {
            return FailureRow::default();
        }
        let began = || row_began(before.failing, word).filter(|_| failures_in_a_row > 0);
        match result {
            CallResult::Failure => {
                let now = (context.now)();
                let began = began();
                let since = began.unwrap_or(FailingSince::at(now));
                FailureRow { since: Some(since), lasted: since.elapsed(now), begins: began.is_none() }
            }
            // Cancelled calls have their own row, whose start is in `lease_until`.
            CallResult::Cancelled => {
                let now = (context.now)();
                let since = FailingSince::at(self.lease_until.of(word.generation).unwrap_or(now));
                FailureRow { since: Some(since), lasted: since.elapsed(now), begins: false }
            }
            CallResult::Slow => FailureRow { since: began(), ..FailureRow::default() },
            CallResult::Success | CallResult::Neutral | CallResult::Ignored => FailureRow::default(),
        }
    }

    /// When calls began to fail, if the circuit isn't closed.
    pub(super) fn failing_since_before(&self, before: StampReadings, word: StateWord) -> Option<FailingSince> {
        failing_since_of(before.failing).filter(|_| word.state() != State::Closed)
    }

    /// Sets the start of a closed circuit's row of failures to now. A reconfiguration calls this if
    /// the new settings need the start of a row and the former ones didn't.
    pub(crate) fn start_failure_row(&self, now: u64) {
        loop {
            let before = self.failing_since.read();
            let word = self.load();
            let is_closed = matches!(word.phase, Phase::Closed { .. });
            if !is_closed || self.failing_since.extend(before, word.generation, FailingSince::at(now)) {
                return;
            }
        }
    }

    /// When calls began to fail, for a step from `word` with these times. Called before the step,
    /// because another thread may write the stamp once the circuit is closed.
    pub(super) fn failing_since_at(&self, word: StateWord, times: NewTimes) -> Option<FailingSince> {
        times.failing.or_else(|| self.failing_since_of(word))
    }

    /// When calls began to fail, if the circuit isn't closed and no mode determines its state.
    /// Right only as long as the state word is `word`.
    #[inline]
    pub(crate) fn failing_since_of(&self, word: StateWord) -> Option<FailingSince> {
        if word.state() == State::Closed || word.mode != Mode::Auto { None } else { self.failing_since() }
    }

    /// When calls began to fail. Right only while the circuit isn't closed.
    pub(crate) fn failing_since(&self) -> Option<FailingSince> {
        failing_since_of(self.failing_since.read())
    }
}

/// When the row of failures of a closed circuit began, if the stamp holds it.
fn row_began(stamp: u64, word: StateWord) -> Option<FailingSince> {
    let time = Stamp::time(stamp, word.generation).or_else(|| Stamp::time(stamp, word.next_generation()));
    time.filter(|_| stamp != Stamp::NONE).map(FailingSince)
}

/// Returns the time in the stamp, if there is one. Right only while the circuit isn't closed.
fn failing_since_of(stamp: u64) -> Option<FailingSince> {
    (stamp != Stamp::NONE).then(|| FailingSince(Stamp::any_time(stamp)))
}
