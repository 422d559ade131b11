use std::{
    fmt,
    hash::{Hash, RandomState},
    sync::Arc,
};

use quick_cache::{Lifecycle, UnitWeighter, sync::Cache};

use super::super::{
    BreakerConfig, Circuit, State,
    config::Settings,
    rule::{Phase, Word},
    slab::Tenant,
};
use crate::{Invalid, Name, classify::Errors, sanitize};

/// The circuits of a keyed breaker: a handle to list and to steer them. Clones are handles of the same ones.
pub struct Circuits<K, C = Errors> {
    shared: Arc<Shared<K>>,
    pub(super) classifier: C,
}

struct Shared<K> {
    settings: Arc<Settings>,
    circuits: Cache<K, Arc<Tenant>, UnitWeighter, RandomState, KeepOpen>,
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
        let circuits = Cache::with(keys, keys as u64, UnitWeighter, RandomState::new(), KeepOpen);
        let shared = Shared { settings: config.settings, circuits, name };
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
        let keys = usize::try_from(self.shared.circuits.capacity()).unwrap_or(usize::MAX);
        let circuits = Cache::with(keys, keys as u64, UnitWeighter, RandomState::new(), KeepOpen);
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
        let states = self.shared.circuits.iter().map(|(key, tenant)| (key, tenant.core.cell.load().state()));
        states.collect()
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
        let made = circuits.get_or_insert_with::<K, std::convert::Infallible>(key, || {
            Ok(Tenant::new(Arc::clone(settings), name(settings, key)))
        });
        let tenant = match made {
            Ok(tenant) => tenant,
            Err(never) => match never {},
        };
        if circuits.len() as u64 > circuits.capacity() {
            // All others are open, and stay: this one doesn't.
            circuits.remove(key);
        }
        tenant
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

/// Circuits that reject aren't forgotten to make room.
#[derive(Debug, Clone, Copy)]
struct KeepOpen;

impl<K> Lifecycle<K, Arc<Tenant>> for KeepOpen {
    type RequestState = ();

    fn is_pinned(&self, _: &K, tenant: &Arc<Tenant>) -> bool {
        let word: Word = tenant.core.cell.load();
        match word.phase {
            Phase::Closed { .. } => false,
            Phase::HalfOpen { .. } => true,
            // One whose time is over, and that nobody has asked for since, is idle.
            Phase::Open => {
                let until = tenant.core.cell.moves_on_at(word);
                until.is_none_or(|until| tenant.now(&tenant.settings.load()) < until)
            }
        }
    }
}
