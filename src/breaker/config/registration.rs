//! The registries of a circuit.

use std::sync::Arc;

use crate::registry::{Registry, Sources};

/// Where circuits are registered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registration {
    /// The registry of the config.
    pub(crate) registry: Option<Registry>,
    /// The registries that the circuit was added to after it was made.
    #[cfg(feature = "metrics")]
    pub(crate) further: Vec<Registry>,
    /// The circuits of a keyed breaker that is in a registry.
    pub(crate) siblings: Option<Arc<Sources>>,
}

#[cfg(feature = "metrics")]
impl Registration {
    /// All registries that list the circuit.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Registry> {
        self.registry.iter().chain(&self.further)
    }
}
