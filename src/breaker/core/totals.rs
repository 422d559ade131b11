//! Counts since a circuit was made.

use std::sync::atomic::{AtomicU64, Ordering};

use once_cell::race::OnceBox;

use crate::breaker::state::State;

/// Counts that never decrease.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) admitted: Total,
    pub(crate) successes: Total,
    pub(crate) failures: Total,
    pub(crate) neutral: Total,
    pub(crate) dropped: Total,
    pub(crate) rejected: Total,
    pub(crate) transitions: Transitions,
}

/// One count. Relaxed, because no other memory depends on it.
#[derive(Debug, Default)]
pub(crate) struct Total(AtomicU64);

impl Total {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The changes of the state, by the former and the new state. Most circuits never open, so the
/// first change allocates the counts.
#[derive(Debug, Default)]
pub(crate) struct Transitions(OnceBox<[Total; Transitions::PAIRS]>);

impl Transitions {
    const STATES: usize = 3;
    /// The number of pairs of a former and a new state. Both are the same if a circuit starts a new
    /// round of probes.
    pub(crate) const PAIRS: usize = Self::STATES * Self::STATES;

    pub(crate) fn add(&self, from: State, to: State) {
        self.0.get_or_init(Box::default)[from as usize * Self::STATES + to as usize].add();
    }

    pub(crate) fn total(&self) -> u64 {
        self.all().iter().sum()
    }

    /// The counts of all pairs, ordered by the former and then by the new state, each in the order
    /// of [`State`].
    pub(crate) fn all(&self) -> [u64; Self::PAIRS] {
        self.0.get().map_or([0; Self::PAIRS], |counts| std::array::from_fn(|pair| counts[pair].get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transitions_are_counted_by_their_pair_of_states() {
        let transitions = Transitions::default();
        assert_eq!(transitions.total(), 0);
        transitions.add(State::Closed, State::Open);
        transitions.add(State::Closed, State::Open);
        transitions.add(State::HalfOpen, State::HalfOpen);
        assert_eq!(transitions.all(), [0, 2, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(transitions.total(), 3);
    }
}
