use std::{
    fmt,
    hash::{Hash, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use quick_cache::{UnitWeighter, sync::Cache};

use super::{
    super::{BreakerConfig, Circuit, Permit, Rejection, State, config::Settings, slab::Tenant},
    kept::{KeepOpen, Kept, Look},
};
use crate::{Invalid, Name, classify::Errors};

/// The circuits of a keyed breaker: a handle to list and to steer them. Clones are handles of the same ones.
pub struct Circuits<K, C = Errors> {
    shared: Arc<Shared<K>>,
    pub(super) classifier: C,
}

struct Shared<K> {
    settings: Arc<Settings>,
    circuits: Cache<Kept<K>, (), UnitWeighter, RandomState, KeepOpen>,
    name: fn(&Settings, &K) -> Option<Name>,
    /// Held by whoever makes a circuit: of two that bring the same new key, one does.
    making: Mutex<()>,
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
        let shared = Shared::new(config.settings, keys, name);
        Self { shared: Arc::new(shared), classifier: config.classifier }
    }

    /// Names each circuit `name/key` in events and rejections, in place of the config's name for all. A name is made when its key
    /// is seen for the first time.
    pub fn named(self) -> Self
    where
        K: fmt::Display,
        C: Clone,
    {
        let name = |settings: &Settings, key: &K| Some(Name::from(format!("{}/{key}", settings.name)));
        let keys = usize::try_from(self.shared.circuits.capacity()).unwrap_or(usize::MAX);
        let shared = Shared::new(Arc::clone(&self.shared.settings), keys, name);
        Self { shared: Arc::new(shared), classifier: self.classifier }
    }

    /// The circuit of a key, which is made if there is none. It is remembered as long as there is room for it, and works in any case.
    pub fn get(&self, key: &K) -> Circuit<C>
    where
        C: Clone,
    {
        let tenant = self.shared.find(key, |kept| Arc::clone(&kept.tenant));
        Circuit::of(tenant.unwrap_or_else(|| self.shared.make(key)), self.classifier.clone())
    }

    /// Asks the circuit of a key for leave to make one call: as [`get`](Self::get) and [`Circuit::admit`], but while the circuit is closed
    /// and nothing fails, nothing is written, no reference counted, and less memory looked at.
    ///
    /// # Errors
    ///
    /// As [`Circuit::admit`].
    #[inline]
    pub fn admit(&self, key: &K) -> Result<Permit, Rejection> {
        let found = self.shared.find(key, |kept| match kept.core.admits_plainly() {
            Some(generation) => Ok((kept.core, generation)),
            None => Err(Arc::clone(&kept.tenant)),
        });
        match found.unwrap_or_else(|| Err(self.shared.make(key))) {
            Ok((core, generation)) => Ok(Permit::plain(core, generation)),
            Err(tenant) => Circuit::of(tenant, ()).admit(),
        }
    }

    /// The circuit of a key, if there is one.
    pub fn peek(&self, key: &K) -> Option<Circuit<C>>
    where
        C: Clone,
    {
        let look = Look::at(key, |kept: &Kept<K>| Arc::clone(&kept.tenant));
        self.shared.circuits.peek(&look)?;
        Some(Circuit::of(look.found()?, self.classifier.clone()))
    }

    /// Forgets the circuit of a key: the next call with it gets a new one, which is closed.
    pub fn remove(&self, key: &K) {
        self.shared.circuits.remove(&Look::at(key, |_: &Kept<K>| ()));
    }

    /// All keys, and what their circuits are doing, in no order. Circuits that come and go meanwhile may be missed.
    pub fn states(&self) -> Vec<(K, State)> {
        let states = self.shared.circuits.iter().map(|(kept, ())| (kept.key, kept.core.cell.load().state()));
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
}

impl<K> Shared<K>
where
    K: Hash + Eq + Clone,
{
    fn new(settings: Arc<Settings>, keys: usize, name: fn(&Settings, &K) -> Option<Name>) -> Self {
        let circuits = Cache::with(keys, keys as u64, UnitWeighter, RandomState::new(), KeepOpen);
        Self { settings, circuits, name, making: Mutex::default() }
    }

    /// What is read of the circuit of a key, if there is one: while its shard is locked.
    #[inline]
    fn find<T>(&self, key: &K, read: impl Fn(&Kept<K>) -> T) -> Option<T> {
        let look = Look::at(key, read);
        self.circuits.get(&look)?;
        look.found()
    }

    #[cold]
    fn make(&self, key: &K) -> Arc<Tenant> {
        let name = (self.name)(&self.settings, key);
        let _one_at_a_time = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tenant) = self.find(key, |kept| Arc::clone(&kept.tenant)) {
            return tenant;
        }
        let tenant = Tenant::new(Arc::clone(&self.settings), name);
        self.circuits.insert(Kept::new(key.clone(), Arc::clone(&tenant)), ());
        if self.circuits.len() as u64 > self.circuits.capacity() {
            // All others are open, and stay: this one doesn't.
            self.circuits.remove(&Look::at(key, |_: &Kept<K>| ()));
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
