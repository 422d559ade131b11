//! The circuits of a keyed breaker.

use std::{cell::OnceCell, fmt, hash::Hash, sync::Arc};

use super::{register::KeyedSource, table::Table};
use crate::{
    InvalidConfig, Name,
    breaker::{
        circuit::{Circuit, CircuitStats, NoClassifier},
        config::{BreakerConfig, Settings},
        core::Tenant,
        micros::micros,
        state::State,
    },
    classify::ErrorClassifier,
    sanitize,
    time::Instant,
};

/// A handle to list and control the circuits of a keyed breaker. Clones are handles of the same
/// circuits.
pub struct CircuitRegistry<Key, C = ErrorClassifier> {
    shared: Arc<Shared<Key>>,
    pub(super) classifier: C,
}

struct Shared<Key> {
    settings: Arc<Settings>,
    circuits: Table<Key, Arc<Tenant>>,
    name: fn(&Settings, &Key) -> Option<Name>,
    /// Keeps the entry in the registry.
    _source: Option<Arc<KeyedSource>>,
}

impl<Key: Hash + Eq + Clone> Shared<Key> {
    fn new(mut settings: Arc<Settings>, keys: usize, name: fn(&Settings, &Key) -> Option<Name>) -> Arc<Self> {
        let circuits = Table::new(keys);
        let source = KeyedSource::enter(&mut settings, keys, circuits.evictions_counter());
        Arc::new(Self { settings, circuits, name, _source: source })
    }
}

impl<Key, C> CircuitRegistry<Key, C>
where
    Key: Hash + Eq + Clone,
{
    const CAPACITY: usize = 10_000;

    /// Makes an empty registry for at most 10,000 keys. Each circuit uses `config`.
    pub fn new(config: BreakerConfig<C>) -> Self {
        Self::sized(config, Self::CAPACITY, |_, _| None)
    }

    /// Makes an empty registry for at most `keys` keys.
    ///
    /// # Errors
    ///
    /// If `keys` is 0.
    pub fn with_capacity(config: BreakerConfig<C>, keys: usize) -> Result<Self, InvalidConfig> {
        if keys == 0 {
            return Err(InvalidConfig::new("keys", keys, "at least 1"));
        }
        Ok(Self::sized(config, keys, |_, _| None))
    }

    fn sized(config: BreakerConfig<C>, keys: usize, name: fn(&Settings, &Key) -> Option<Name>) -> Self {
        Self { shared: Shared::new(config.settings, keys, name), classifier: config.classifier }
    }

    /// Names each circuit `name/key` in events and rejections. By default, all circuits have the
    /// config's name. Each name is made when its circuit is made, and cut at 256 bytes.
    /// [`Name::key`] returns the key, also cut at 256 bytes. The names have the labels of the
    /// config.
    pub fn named(self) -> Self
    where
        Key: fmt::Display,
        C: Clone,
    {
        let name = |settings: &Settings, key: &Key| {
            let key = sanitize::cut_name(key);
            let name = sanitize::cut_name(format_args!("{}/{key}", settings.name.as_str()));
            Some(Name::from(name).with_labels_of(&settings.name).with_key(key))
        };
        let shared = Shared::new(Arc::clone(&self.shared.settings), self.capacity(), name);
        Self { shared, classifier: self.classifier }
    }

    /// Returns the circuit of a key, or makes a new one. If the registry is full and no other
    /// circuit can be evicted, the new circuit works, but isn't stored.
    pub fn get(&self, key: &Key) -> Circuit<C>
    where
        C: Clone,
    {
        Circuit::of(self.tenant(key), self.classifier.clone())
    }

    /// Returns the circuit of a key, if there is one.
    pub fn peek(&self, key: &Key) -> Option<Circuit<C>>
    where
        C: Clone,
    {
        let tenant = self.shared.circuits.peek(key)?;
        Some(Circuit::of(tenant, self.classifier.clone()))
    }

    /// The same circuits without their classifier, to store, watch and control them. See
    /// [`CircuitHandle`](crate::breaker::CircuitHandle).
    pub fn handle(&self) -> CircuitRegistry<Key, NoClassifier> {
        self.classified_by(NoClassifier)
    }

    /// The same circuits with another classifier. Layers that are already on them keep theirs.
    pub fn classified_by<NewC>(&self, classifier: NewC) -> CircuitRegistry<Key, NewC> {
        CircuitRegistry { shared: Arc::clone(&self.shared), classifier }
    }

    /// Removes the circuit of a key. The next call with this key gets a new, closed circuit.
    pub fn remove(&self, key: &Key) {
        self.shared.circuits.remove(key);
    }

    /// Returns all keys with the states of their circuits, in no order. Circuits that other threads
    /// add or evict at the same time may be missing.
    pub fn states(&self) -> Vec<(Key, State)> {
        self.shared.circuits.list(|tenant| tenant.core.cell.load().state())
    }

    /// Returns all keys with the state and the counts of their circuits, in no order, as
    /// [`Circuit::stats`] does for one circuit. The capacity bounds the number of entries. Circuits
    /// that other threads add or evict at the same time may be missing.
    ///
    /// ```
    /// use tower_recourse::{BreakerConfig, breaker::keyed::CircuitRegistry};
    ///
    /// let circuits = CircuitRegistry::new(BreakerConfig::default());
    /// circuits.get(&"a").force_open();
    /// for (key, stats) in circuits.stats() {
    ///     assert_eq!((key, stats.state.to_string()), ("a", "open".to_owned()));
    /// }
    /// assert_eq!(circuits.stats().len(), 1);
    /// ```
    pub fn stats(&self) -> Vec<(Key, CircuitStats)> {
        // `Circuit::stats` may call observers, so it is called after the table has been read.
        let circuits = self.shared.circuits.list(|tenant| Circuit::of(Arc::clone(tenant), NoClassifier));
        circuits.into_iter().map(|(key, circuit)| (key, circuit.stats())).collect()
    }

    /// Returns the number of circuits.
    pub fn len(&self) -> usize {
        self.shared.circuits.len()
    }

    /// Returns the largest number of circuits.
    pub fn capacity(&self) -> usize {
        self.shared.circuits.capacity()
    }

    /// Returns how many circuits were evicted to make room for new keys, since the registry was
    /// made. An evicted circuit forgets its counts. So if this number grows by more than a few per
    /// minute, the registry has too many keys for its capacity, or clients send arbitrary keys.
    pub fn evictions(&self) -> u64 {
        self.shared.circuits.evictions()
    }

    /// Returns whether there are no circuits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn tenant(&self, key: &Key) -> Arc<Tenant> {
        let Shared { settings, circuits, name, .. } = &*self.shared;
        if let Some(tenant) = circuits.get(key) {
            return tenant;
        }
        let made = Tenant::new(Arc::clone(settings), name(settings, key));
        // All circuits use the clock of these settings. It is read once, and only if a circuit must
        // be evicted.
        let now = OnceCell::new();
        circuits.get_or_insert(key, made, |tenant| tenant.is_pinned(|| *now.get_or_init(|| settings.clock.now())))
    }
}

impl<Key, C: Clone> Clone for CircuitRegistry<Key, C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), classifier: self.classifier.clone() }
    }
}

impl<Key, C> fmt::Debug for CircuitRegistry<Key, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuits `{}`", self.shared.settings.name)
    }
}

impl Tenant {
    /// Returns whether the circuit must not be evicted: while its open time lasts, while the lease
    /// of a probe lasts, and while only the user's health probes are admitted, for one lease.
    fn is_pinned(&self, now: impl FnOnce() -> Instant) -> bool {
        let word = self.core.cell.load();
        if word.state() == State::Closed {
            return false;
        }
        let settings = self.settings.load();
        // A health probe gets this long to close the circuit, because requests aren't admitted.
        let to_come = if settings.probes.external_only { micros(settings.lease) } else { 0 };
        let until = self.core.cell.rejects_until(word, to_come);
        until == u64::MAX || self.time_at(now(), &settings.clock) < until
    }
}
