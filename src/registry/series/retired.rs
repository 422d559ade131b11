//! The counts of dropped circuits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ::metrics::Label;

use super::{by_name::ByName, circuit_series::Counts, ledger::sum};
use crate::{Name, metrics::labels_of, registry::CircuitCounts};

/// The counts of the circuits and keyed breakers that were dropped since the values were published
/// last.
#[derive(Debug, Default)]
pub(in crate::registry) struct Retired(Mutex<ByName<Counted>>);

#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) circuits: Counts,
    #[cfg(feature = "keyed")]
    pub(super) evictions: u64,
}

impl Retired {
    /// Adds the counts of a circuit. A circuit that counted nothing needs no lock.
    pub(in crate::registry) fn add(&self, name: &Name, counts: &CircuitCounts) {
        let counts = counts.array();
        if counts.iter().any(|&count| count > 0) {
            self.with(name, |counted| counted.circuits = sum(counted.circuits, counts));
        }
    }

    #[cfg(feature = "keyed")]
    pub(in crate::registry) fn add_evictions(&self, name: &Name, evictions: u64) {
        if evictions > 0 {
            self.with(name, |counted| counted.evictions += evictions);
        }
    }

    /// Takes all counts out, until the guard is dropped.
    pub(super) fn take(&self) -> TakenCounts<'_> {
        TakenCounts { retired: self, counts: std::mem::take(&mut *self.lock()) }
    }

    fn with(&self, name: &Name, change: impl FnOnce(&mut Counted)) {
        let labels = labels_of(name);
        change(self.lock().of(labels));
    }

    fn lock(&self) -> MutexGuard<'_, ByName<Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts that a round has taken. If the round doesn't use them, because a source panics or another
/// round has overtaken it, they are put back.
pub(super) struct TakenCounts<'a> {
    retired: &'a Retired,
    counts: ByName<Counted>,
}

impl TakenCounts<'_> {
    pub(super) fn use_up(&mut self) -> impl Iterator<Item = (Vec<Label>, Counted)> + use<> {
        std::mem::take(&mut self.counts).into_iter()
    }
}

impl Drop for TakenCounts<'_> {
    fn drop(&mut self) {
        for (labels, unused) in self.use_up() {
            let mut retired = self.retired.lock();
            let counted = retired.of(labels);
            counted.circuits = sum(counted.circuits, unused.circuits);
            #[cfg(feature = "keyed")]
            {
                counted.evictions += unused.evictions;
            }
        }
    }
}
