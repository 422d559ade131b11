use super::{
    context::{Going, Transition},
    failing_since::Since,
    state_cell::Cell,
    step::{Comes, Times},
};
use crate::breaker::{
    state::State,
    transition::{self, Phase, Word},
};

impl Cell {
    /// Looks whether the circuit's own time is over, and moves it on if so: to this word, after probes that came to this.
    pub(crate) fn look(&self, going: Going<'_>) -> Option<Transition> {
        let before = self.times(going, Comes::Look);
        let word = self.load();
        if let Phase::Closed { ramping: false, .. } = word.phase {
            return None;
        }
        let next = transition::look(going.probing, word, self.over(word, (going.now)(), (going.probing, going.ramp)))?;
        self.step_aside(before, word, next, going)
    }

    /// Counts a success that nobody had a permit for. Before, and after.
    pub(crate) fn succeed(&self, going: Going<'_>) -> (Word, Word) {
        loop {
            let before = self.times(going, Comes::Look);
            let word = self.load();
            let next = word.succeeded();
            if next == word || self.step(before, word, next, going, Times::default()) {
                return (word, next);
            }
        }
    }

    /// Makes the word another one, whatever it is. If that is open: for so long, of a circuit that
    /// has been failing for so long. Before, and after.
    pub(crate) fn restore(
        &self,
        going: Going<'_>,
        next: impl Fn(Word) -> Word,
        (open_for, failing_for): (u64, u64),
    ) -> (Word, Word) {
        // What is restored as closed has been so for long.
        let going = Going { ramp: 0, ..going };
        loop {
            let before = self.times(going, Comes::End);
            let word = self.load();
            let next = next(word);
            let failing = Some(Since::before((going.now)(), failing_for)).filter(|_| next.state() != State::Closed);
            if self.step(before, word, next, going, Times { open_for, failing, ..Times::default() }) {
                return (word, next);
            }
        }
    }

    /// Makes a closed circuit count anew. If it ramps up, it goes on with that.
    pub(crate) fn renew(&self) {
        loop {
            let before = self.optional.ramp_since();
            let word = self.load();
            let next = word.renewed();
            let since = self.ramp_began_at(word).filter(|_| matches!(next.phase, Phase::Closed { ramping: true, .. }));
            let written = since.is_none_or(|since| self.optional.extend_ramp_since(before, next.generation, since));
            if next == word || written && self.replace(word, next) {
                return;
            }
        }
    }
}
