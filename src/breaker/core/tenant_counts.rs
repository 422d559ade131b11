//! The counts of a circuit that outlive it, for metrics.

use std::sync::{Arc, PoisonError};

use super::{core::Tenant, tenant_lifecycle::RECONFIGURING};
use crate::registry::{CircuitCounts, Registry};

impl Tenant {
    pub(crate) fn counts(&self) -> CircuitCounts {
        let totals = &self.totals;
        CircuitCounts {
            successes: totals.successes.get(),
            failures: totals.failures.get(),
            neutral: totals.neutral.get(),
            cancelled: totals.dropped.get(),
            rejections: totals.rejected.get(),
            transitions: totals.transitions.all(),
        }
    }

    /// Adds a registry that keeps the counts when the circuit is dropped.
    pub(crate) fn keep_counts_in(&self, registry: &Registry) {
        // Dropped after the lock is released, because it may be the last reference to the settings.
        let _former = {
            let _one_at_a_time = RECONFIGURING.lock().unwrap_or_else(PoisonError::into_inner);
            let mut settings = self.settings.load_full();
            if settings.registration.all().any(|known| known.is(registry)) {
                return;
            }
            Arc::make_mut(&mut settings).registration.further.push(registry.clone());
            self.settings.swap(settings)
        };
    }

    /// Adds the counts to the registries when the circuit is dropped.
    pub(super) fn leave_counts(&self) {
        let settings = self.settings.load();
        for registry in settings.registration.all() {
            registry.keep_counts(&settings.name, &self.counts());
        }
    }
}
