//! Sums that never decrease.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
};

/// A sum of the counts of things that come and go. The counts of a thing that is gone stay in the
/// sum.
///
/// A round is one reading of all things: [`read`](Self::read) for each, then
/// [`end_round`](Self::end_round).
#[derive(Debug)]
pub(super) struct Ledger<Id, const N: usize> {
    gone: [u64; N],
    present: HashMap<Id, Present<N>>,
}

#[derive(Debug)]
struct Present<const N: usize> {
    /// What doesn't count: what the thing had counted before it entered the ledger.
    before: [u64; N],
    latest: [u64; N],
    was_read: bool,
}

impl<Id: Eq + Hash, const N: usize> Ledger<Id, N> {
    /// Records what a thing has counted so far.
    #[cfg(any(feature = "breaker", test))]
    pub(super) fn read(&mut self, id: Id, counts: [u64; N]) {
        self.enter(id, counts, [0; N]);
    }

    /// As `read`, but if the thing is new, only what it counts from now on is part of the sum.
    #[cfg(feature = "breaker")]
    pub(super) fn read_from_now(&mut self, id: Id, counts: [u64; N]) {
        self.enter(id, counts, counts);
    }

    /// As `read`, but if the thing is new, `before` isn't part of the sum.
    #[cfg(feature = "retry")]
    pub(super) fn read_since(&mut self, before: [u64; N], id: Id, counts: [u64; N]) {
        self.enter(id, counts, before);
    }

    fn enter(&mut self, id: Id, counts: [u64; N], before: [u64; N]) {
        match self.present.entry(id) {
            Entry::Occupied(mut present) => {
                let present = present.get_mut();
                // A refund may decrease a count for a while.
                present.latest = largest(present.latest, counts);
                present.was_read = true;
            }
            Entry::Vacant(place) => {
                place.insert(Present { before, latest: counts, was_read: true });
            }
        }
    }

    /// Things that weren't read in this round are gone.
    pub(super) fn end_round(&mut self) {
        let gone = &mut self.gone;
        self.present.retain(|_, present| {
            if !present.was_read {
                *gone = sum(*gone, present.counted());
            }
            std::mem::take(&mut present.was_read)
        });
    }

    pub(super) fn total(&self) -> [u64; N] {
        self.present.values().fold(self.gone, |total, present| sum(total, present.counted()))
    }
}

impl<const N: usize> Present<N> {
    fn counted(&self) -> [u64; N] {
        difference(self.latest, self.before)
    }
}

impl<Id, const N: usize> Default for Ledger<Id, N> {
    fn default() -> Self {
        Self { gone: [0; N], present: HashMap::new() }
    }
}

pub(super) fn sum<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
    std::array::from_fn(|index| a[index].saturating_add(b[index]))
}

/// `a` without `b`, at least 0.
pub(super) fn difference<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
    std::array::from_fn(|index| a[index].saturating_sub(b[index]))
}

pub(super) fn largest<const N: usize>(a: [u64; N], b: [u64; N]) -> [u64; N] {
    std::array::from_fn(|index| a[index].max(b[index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_things_that_are_gone_stay() {
        let mut ledger = Ledger::default();
        ledger.read("a", [5]);
        ledger.read("b", [1]);
        ledger.end_round();
        ledger.read("a", [7]);
        ledger.end_round();
        assert_eq!(ledger.total(), [8]);
        ledger.end_round();
        ledger.read("a", [2]);
        ledger.end_round();
        assert_eq!(ledger.total(), [10]);
    }

    #[test]
    fn a_count_that_decreases_keeps_its_maximum() {
        let mut ledger = Ledger::default();
        for count in [3, 2, 4] {
            ledger.read((), [count]);
            ledger.end_round();
        }
        assert_eq!(ledger.total(), [4]);
    }

    #[test]
    #[cfg(feature = "breaker")]
    fn what_was_counted_before_the_start_is_left_out() {
        let mut ledger = Ledger::default();
        ledger.read_from_now("a", [10]);
        ledger.end_round();
        assert_eq!(ledger.total(), [0]);
        ledger.read("a", [12]);
        ledger.end_round();
        assert_eq!(ledger.total(), [2]);
    }
}
