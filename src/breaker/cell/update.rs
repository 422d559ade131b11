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
    /// Looks whether the circuit's own time is over, and moves it on if so: to this word, after probes that came to this.
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

    /// Counts a success that nobody had a permit for. StampReadings, and after.
    pub(crate) fn report_success(&self, context: TransitionContext<'_>) -> (StateWord, StateWord) {
        loop {
            let before = self.read_stamps(context, Operation::Look);
            let word = self.load();
            let next = word.after_reported_success();
            if next == word || self.try_step(before, word, next, context, NewTimes::default()) {
                return (word, next);
            }
        }
    }

    /// Makes the word another one, whatever it is. If that is open: for so long, of a circuit that
    /// has been failing for so long. StampReadings, and after.
    pub(crate) fn restore(
        &self,
        context: TransitionContext<'_>,
        next: impl Fn(StateWord) -> StateWord,
        open_for: u64,
        failing_for: u64,
    ) -> (StateWord, StateWord) {
        // What is restored as closed has been so for long.
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

    /// Makes a closed circuit count anew. If it ramps up, it goes on with that.
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
