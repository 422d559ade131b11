use std::{cell::OnceCell, fmt, hash::Hash, sync::Arc};

use super::table::Table;
use crate::{
    Invalid, Name,
    breaker::{
        circuit::Circuit,
        config::{BreakerConfig, Settings},
        core::Tenant,
        micros::micros,
        state::State,
    },
    classify::Errors,
    sanitize,
    time::Instant,
};

/// The circuits of a keyed breaker: a handle to list and to steer them. Clones are handles of the same ones.
pub struct Circuits<K, C = Errors> {
    shared: Arc<Shared<K>>,
    pub(super) classifier: C,
}

struct Shared<K> {
    settings: Arc<Settings>,
    circuits: Table<K, Arc<Tenant>>,
    name: fn(&Settings, &K) -> Option<Name>,
}

impl<K, C> Circuits<K, C>
where
    K: Hash + Eq + Clone,
{
    const CAPACITY: usize = 10_000;

    /// No circuits yet, each to be made by this config; at most 10,000.
    pub fn new(config: BreakerConfig<C>) -> Self {
        Self::sized(config, Self::CAPACITY, |_, _| None)
    }

    /// No circuits yet, and never more than `keys`.
    ///
    /// # Errors
    ///
    /// If `keys` is 0.
    pub fn with_capacity(config: BreakerConfig<C>, keys: usize) -> Result<Self, Invalid> {
        if keys == 0 {
            return Err(Invalid::new("keys", keys, "at least 1"));
        }
        Ok(Self::sized(config, keys, |_, _| None))
    }

    fn sized(config: BreakerConfig<C>, keys: usize, name: fn(&Settings, &K) -> Option<Name>) -> Self {
        let shared = Shared { settings: config.settings, circuits: Table::new(keys), name };
        Self { shared: Arc::new(shared), classifier: config.classifier }
    }

    /// Names each circuit `name/key` in events and rejections, in place of the config's name for all. A name is made when its key
    /// is seen for the first time, and is cut at 256 bytes.
    pub fn named(self) -> Self
    where
        K: fmt::Display,
        C: Clone,
    {
        let name = |settings: &Settings, key: &K| {
            Some(Name::from(sanitize::cut_name(format_args!("{}/{key}", settings.name.as_str()))))
        };
        let circuits = Table::new(self.shared.circuits.capacity());
        let shared = Shared { settings: Arc::clone(&self.shared.settings), circuits, name };
        Self { shared: Arc::new(shared), classifier: self.classifier }
    }

    /// The circuit of a key, which is made if there is none. It is remembered as long as there is room for it, and works in any case.
    pub fn get(&self, key: &K) -> Circuit<C>
    where
        C: Clone,
    {
        Circuit::of(self.tenant(key), self.classifier.clone())
    }

    /// The circuit of a key, if there is one.
    pub fn peek(&self, key: &K) -> Option<Circuit<C>>
    where
        C: Clone,
    {
        let tenant = self.shared.circuits.peek(key)?;
        Some(Circuit::of(tenant, self.classifier.clone()))
    }

    /// Forgets the circuit of a key: the next call with it gets a new one, which is closed.
    pub fn remove(&self, key: &K) {
        self.shared.circuits.remove(key);
    }

    /// All keys, and what their circuits are doing, in no order. Circuits that come and go meanwhile may be missed.
    pub fn states(&self) -> Vec<(K, State)> {
        self.shared.circuits.list(|tenant| tenant.core.cell.load().state())
    }

    /// How many keys have a circuit.
    pub fn len(&self) -> usize {
        self.shared.circuits.len()
    }

    /// Whether no key has one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn tenant(&self, key: &K) -> Arc<Tenant> {
        let Shared { settings, circuits, name } = &*self.shared;
        if let Some(tenant) = circuits.get(key) {
            return tenant;
        }
        let made = Tenant::new(Arc::clone(settings), name(settings, key));
        // All circuits go by the clock of these settings. It is read once, and only if there is no room.
        let now = OnceCell::new();
        circuits.get_or_insert(key, made, |tenant| tenant.is_pinned(|| *now.get_or_init(|| settings.clock.now())))
    }
}

impl<K, C: Clone> Clone for Circuits<K, C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), classifier: self.classifier.clone() }
    }
}

impl<K, C> fmt::Debug for Circuits<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuits `{}`", self.shared.settings.name)
    }
}

impl Tenant {
    /// Whether its circuit isn't forgotten to make room: while it is open, and while it has probes that may still come back.
    fn is_pinned(&self, now: impl FnOnce() -> Instant) -> bool {
        let word = self.core.cell.load();
        if word.state() == State::Closed {
            return false;
        }
        let settings = self.settings.load();
        // A custom probe has this time to run, because requests aren't admitted.
        let to_come = if settings.probes.external_only { micros(settings.lease) } else { 0 };
        let until = self.core.cell.rejects_until(word, to_come);
        until == u64::MAX || self.time_at(now(), &settings.clock) < until
    }
}
