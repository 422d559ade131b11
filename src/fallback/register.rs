use std::sync::Arc;

use super::layer::FallbackLayer;
use crate::registry::Registry;

impl<B, C, Merge> FallbackLayer<B, C, Merge> {
    /// Passes the fallback's events to the observers of a [registry](crate::registry). A second
    /// call with the same registry has no effect.
    pub fn register(mut self, registry: &Registry) -> Self {
        let reporter = Arc::make_mut(&mut self.reporter);
        registry.observe_layer(&mut reporter.observers);
        reporter.registry = Some(registry.clone());
        self
    }
}

#[cfg(feature = "metrics")]
impl super::reporter::Reporter {
    /// Adds the name to the registry, for as long as this reporter exists.
    pub(super) fn enter_registry(&self) {
        if let Some(registry) = &self.registry {
            self.entry.enter(registry, &self.name);
        }
    }
}
