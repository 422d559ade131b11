//! A keyed breaker in a registry.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    Name,
    breaker::{config::Settings, state::State},
    registry::{KeyedStatus, Readings, Registry, Source, Sources},
};

/// What a registry reads of a keyed breaker. It doesn't need the type of the keys.
pub(super) struct KeyedSource {
    name: Name,
    capacity: usize,
    evictions: Arc<AtomicU64>,
    circuits: Arc<Sources>,
    #[cfg_attr(not(feature = "metrics"), allow(dead_code))]
    registry: Registry,
}

impl KeyedSource {
    /// Adds a breaker to the registry of its settings, and lets circuits with these settings enter
    /// the list of the breaker. `None` without a registry.
    pub(super) fn enter(settings: &mut Arc<Settings>, capacity: usize, evictions: Arc<AtomicU64>) -> Option<Arc<Self>> {
        let registry = settings.registration.registry.clone()?;
        let circuits = Arc::new(Sources::default());
        Arc::make_mut(settings).registration.siblings = Some(Arc::clone(&circuits));
        let source = Arc::new(Self { name: settings.name.clone(), capacity, evictions, circuits, registry });
        source.registry.insert(Arc::downgrade(&source) as _);
        Some(source)
    }
}

impl Source for KeyedSource {
    fn read(self: Arc<Self>, to: &mut Readings) {
        let first = to.circuits.len();
        self.circuits.read_all(to);
        let circuits = &to.circuits[first..];
        to.keyed.push(KeyedStatus {
            name: self.name.clone(),
            circuits: circuits.len(),
            open: circuits.iter().filter(|circuit| circuit.status.state == State::Open).count(),
            capacity: self.capacity,
            // Relaxed: the count guards no other memory.
            evictions: self.evictions.load(Ordering::Relaxed),
        });
    }
}

#[cfg(feature = "metrics")]
impl Drop for KeyedSource {
    fn drop(&mut self) {
        self.registry.keep_evictions(&self.name, self.evictions.load(Ordering::Relaxed));
    }
}
