//! A circuit in a registry.

use std::sync::Arc;

use super::{circuit::Circuit, handle::NoClassifier, stats::CircuitStats};
use crate::{
    breaker::core::Tenant,
    registry::{CircuitStatus, Readings, Registry, Source},
};

impl<C> Circuit<C> {
    /// Adds an existing circuit to a [registry](crate::registry). The registry's observers don't
    /// receive its events: for these, register its config.
    pub fn register(&self, registry: &Registry) {
        registry.insert(Arc::downgrade(&self.tenant) as _);
    }
}

impl Source for Tenant {
    fn read(self: Arc<Self>, to: &mut Readings) {
        let circuit = Circuit { tenant: self, classifier: NoClassifier };
        let snapshot = circuit.snapshot();
        let stats = CircuitStats::of(&circuit.tenant, &circuit.tenant.settings.load(), None);
        to.circuits.push(CircuitStatus {
            name: stats.name,
            state: snapshot.state,
            mode: snapshot.mode,
            open_for: snapshot.open_for,
            failing_for: snapshot.failing_for,
            failure_rate: stats.window.failure_rate(),
            slow_rate: stats.window.slow_rate(),
            successes: stats.total_successes,
            failures: stats.total_failures,
            neutral: stats.total_neutral,
            cancelled: stats.total_dropped,
            rejections: stats.total_rejected,
            transitions: stats.transitions,
        });
    }
}
