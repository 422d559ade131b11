//! All circuits with one name.

use std::collections::HashMap;

use ::metrics::{Label, SharedString};

use super::{
    circuit_series::{CircuitSeries, Counts},
    ledger::{Ledger, difference, largest, sum},
};
use crate::{
    metrics::{self, Sample},
    registry::{CircuitCounts, CircuitReading},
};

/// All circuits with one name and the same labels. Some keys have series of their own; the series
/// without a key contains all other circuits. So the sum over all series is exact.
#[derive(Debug, Default)]
pub(super) struct CircuitGroup {
    /// The counts of the circuits that exist, in this round.
    present: Counts,
    /// The counts of the circuits that were dropped.
    retired: Counts,
    keys: HashMap<SharedString, KeySeries>,
    rest: CircuitSeries,
    /// What the series without a key showed last.
    shown: Counts,
    counts_successes: bool,
}

/// How many keys of a group have series of their own.
#[derive(Debug, Clone, Copy)]
pub(super) struct MostKeys(pub(super) usize);

impl Default for MostKeys {
    fn default() -> Self {
        Self(20)
    }
}

/// The series of one key.
#[derive(Debug, Default)]
struct KeySeries {
    series: CircuitSeries,
    /// By the id of the circuit.
    counts: Ledger<(usize, u32), { CircuitCounts::LEN }>,
}

impl CircuitGroup {
    pub(super) fn retire(&mut self, counts: Counts) {
        self.retired = sum(self.retired, counts);
    }

    /// Reads a circuit. Its key gets series of its own when the circuit has opened, unless
    /// `most` keys have some.
    pub(super) fn read(&mut self, circuit: &CircuitReading, most: MostKeys) {
        let counts = circuit.counts.array();
        self.present = sum(self.present, counts);
        self.counts_successes |= circuit.counts_successes;
        let Some(key) = circuit.status.name.key() else { return self.rest.read(circuit) };
        let label = metrics::value(key);
        if let Some(own) = self.keys.get_mut(&label) {
            own.series.read(circuit);
            own.counts.read(circuit.id, counts);
        } else if self.keys.len() < most.0 && circuit.counts.has_transitions() {
            let own = self.keys.entry(label).or_default();
            own.series.read(circuit);
            // The series without a key has shown these counts already.
            own.counts.read_from_now(circuit.id, counts);
        } else {
            self.rest.read(circuit);
        }
    }

    /// Adds the values of this round, and starts the next one.
    pub(super) fn end_round(&mut self, labels: &[Label], to: &mut Vec<Sample>) {
        let mut rest = sum(self.retired, std::mem::take(&mut self.present));
        for (key, own) in &mut self.keys {
            own.counts.end_round();
            let counts = own.counts.total();
            rest = difference(rest, counts);
            let labels: Vec<Label> = labels.iter().cloned().chain([Label::new("key", key.clone())]).collect();
            own.series.end_round(&labels, &counts, self.counts_successes, to);
        }
        // A circuit that is being dropped may be missing for a moment.
        self.shown = largest(self.shown, rest);
        self.rest.end_round(labels, &self.shown, self.counts_successes, to);
    }
}
