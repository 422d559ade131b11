//! The entry of a fallback in a registry: its name.

use std::sync::{Arc, OnceLock};

use crate::{
    Name,
    registry::{Readings, Registry, Source},
};

/// Keeps the entry of a fallback. A clone has no entry, because it may get another name.
#[derive(Debug, Default)]
pub(super) struct RegistryEntry(OnceLock<Arc<NameSource>>);

impl RegistryEntry {
    /// Adds the name to the registry, unless this was done before.
    pub(super) fn enter(&self, registry: &Registry, name: &Name) {
        self.0.get_or_init(|| {
            let source = Arc::new(NameSource(name.clone()));
            registry.insert(Arc::downgrade(&source) as _);
            source
        });
    }
}

impl Clone for RegistryEntry {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[derive(Debug)]
struct NameSource(Name);

impl Source for NameSource {
    fn read(self: Arc<Self>, to: &mut Readings) {
        to.fallbacks.push(self.0.clone());
    }
}
