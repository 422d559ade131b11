//! A circuit in a registry.

use std::sync::Arc;

use super::{circuit::Circuit, handle::NoClassifier, stats::CircuitStats};
use crate::{
    breaker::core::Tenant,
    registry::{CircuitReading, CircuitStatus, Readings, Registry, Source},
};

impl<C> Circuit<C> {
    /// Adds an existing circuit to a [registry](crate::registry). The registry's observers don't
    /// receive its events: for these, register its config.
    pub fn register(&self, registry: &Registry) {
        registry.insert(Arc::downgrade(&self.tenant) as _);
        #[cfg(feature = "metrics")]
        self.tenant.keep_counts_in(registry);
    }
}

impl Source for Tenant {
    fn read(self: Arc<Self>, to: &mut Readings) {
        let circuit = Circuit { tenant: self, classifier: NoClassifier };
        let snapshot = circuit.snapshot();
        let settings = circuit.tenant.settings.load();
        let stats = CircuitStats::of(&circuit.tenant, &settings, None);
        let status = CircuitStatus {
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
        };
        to.circuits.push(CircuitReading {
            status,
            #[cfg(feature = "metrics")]
            breaker: settings.name.clone(),
            id: circuit.tenant.id(),
            #[cfg(feature = "metrics")]
            counts: circuit.tenant.counts(),
            #[cfg(feature = "metrics")]
            counts_successes: settings.count_all_calls,
            #[cfg(feature = "metrics")]
            window: [stats.window.calls, stats.window.failures, stats.window.timed, stats.window.slow].map(u64::from),
        });
    }
}
