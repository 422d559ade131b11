//! The series of keyed breakers.

use ::metrics::Label;

use crate::{
    metrics::{Sample, table},
    registry::KeyedStatus,
};

/// All keyed breakers with one name.
#[derive(Debug, Default)]
pub(super) struct KeyedGroup {
    circuits: usize,
    open: usize,
    capacity: usize,
    evictions: u64,
    /// The evictions of breakers that were dropped.
    retired: u64,
    shown: u64,
}

impl KeyedGroup {
    pub(super) fn retire(&mut self, evictions: u64) {
        self.retired += evictions;
    }

    pub(super) fn read(&mut self, breaker: &KeyedStatus) {
        self.circuits += breaker.circuits;
        self.open += breaker.open;
        self.capacity += breaker.capacity;
        self.evictions += breaker.evictions;
    }

    /// Adds the values of this round, and starts the next one.
    pub(super) fn end_round(&mut self, labels: &[Label], to: &mut Vec<Sample>) {
        let Self { circuits, open, capacity, evictions, retired, shown } = std::mem::take(self);
        let shown = shown.max(retired + evictions);
        let gauges = [(table::KEYED_CIRCUITS, circuits), (table::KEYED_OPEN, open), (table::KEYED_CAPACITY, capacity)];
        to.extend(gauges.map(|(metric, value)| Sample::gauge(metric, labels.to_vec(), value as f64)));
        to.push(Sample::total(table::KEYED_EVICTIONS, labels.to_vec(), shown));
        *self = Self { retired, shown, ..Self::default() };
    }
}
