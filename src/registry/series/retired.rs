//! The counts of dropped circuits.

use std::sync::{Mutex, PoisonError};

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

    pub(super) fn take(&self) -> impl Iterator<Item = (Vec<::metrics::Label>, Counted)> + use<> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter()
    }

    fn with(&self, name: &Name, change: impl FnOnce(&mut Counted)) {
        let labels = labels_of(name);
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).of(labels));
    }
}
