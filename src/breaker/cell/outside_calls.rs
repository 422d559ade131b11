//! Changes from timers, reports without a permit, restored snapshots and cleared counts.

use super::{
    context::{Transition, TransitionContext},
    failing_since::FailingSince,
    state_cell::StateCell,
    step::{NewTimes, Operation},
};
use crate::breaker::{
    state::State,
    transition::{self, Phase, StateWord},
};

impl StateCell {
    /// Makes the transition of a timer that is over. Returns the transition, if this thread made
    /// one.
    pub(crate) fn advance_by_time(&self, context: TransitionContext<'_>) -> Option<Transition> {
        let before = self.read_stamps(context, Operation::Look);
        let word = self.load();
        if let Phase::Closed { slow_start: false, .. } = word.phase {
            return None;
        }
        let next = transition::after_time(
            context.probes,
            word,
            self.elapsed_timers(word, (context.now)(), context.probes, context.slow_start),
        )?;
        self.step_by_time(before, word, next, context)
    }

    /// Records a success that was reported without a permit. Returns the words before and after,
    /// and when calls began to fail.
    pub(crate) fn report_success(
        &self,
        context: TransitionContext<'_>,
    ) -> (StateWord, StateWord, Option<FailingSince>) {
        loop {
            let before = self.read_stamps(context, Operation::Look);
            let word = self.load();
            let next = word.after_reported_success();
            let failing_since = self.failing_since_of(word);
            if next == word || self.try_step(before, word, next, context, NewTimes::default()) {
                return (word, next, failing_since);
            }
        }
    }

    /// Replaces the word unconditionally. If the new word is open, its open time is `open_for`. If
    /// it isn't closed, calls have been failing for `failing_for`. Returns the words before and
    /// after.
    pub(crate) fn restore(
        &self,
        context: TransitionContext<'_>,
        next: impl Fn(StateWord) -> StateWord,
        open_for: u64,
        failing_for: u64,
    ) -> (StateWord, StateWord) {
        // A restored closed circuit may have been closed for long, so it has no slow start.
        let context = TransitionContext { slow_start: 0, ..context };
        loop {
            let before = self.read_stamps(context, Operation::End);
            let word = self.load();
            let next = next(word);
            let failing =
                Some(FailingSince::before((context.now)(), failing_for)).filter(|_| next.state() != State::Closed);
            if self.try_step(before, word, next, context, NewTimes { open_for, failing, ..NewTimes::default() }) {
                return (word, next);
            }
        }
    }

    /// Starts a new generation of a closed circuit, with all counts 0. A slow start continues.
    pub(crate) fn clear_counts(&self) {
        loop {
            let before = self.optional.slow_start_since();
            let word = self.load();
            let next = word.with_counts_cleared();
            let since =
                self.slow_start_began_at(word).filter(|_| matches!(next.phase, Phase::Closed { slow_start: true, .. }));
            let written =
                since.is_none_or(|since| self.optional.extend_slow_start_since(before, next.generation, since));
            if next == word || written && self.compare_exchange(word, next) {
                return;
            }
        }
    }
}
