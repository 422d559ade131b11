//! The [`Registry`].

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock, Weak},
};

use super::{
    sources::{Source, Sources},
    status::Readings,
};
use crate::observe::{Event, Observer, Observers};
#[cfg(feature = "tracing")]
use crate::observe::{LogSource, TracingObserver};

/// A list of circuits, budgets and quotas, with observers for all registered layers. See the
/// [module](super).
///
/// # Clone
///
/// A clone is a handle to the same registry.
#[derive(Clone, Default)]
pub struct Registry {
    pub(super) shared: Arc<Shared>,
}

#[derive(Default)]
pub(super) struct Shared {
    sources: Sources,
    observers: RwLock<Arc<[Arc<dyn Observer>]>>,
    #[cfg(feature = "tracing")]
    log: RwLock<Option<TracingObserver>>,
    #[cfg(feature = "breaker")]
    critical: RwLock<Vec<crate::Name>>,
    #[cfg(feature = "metrics")]
    pub(super) publisher: super::series::Publisher,
}

impl Registry {
    /// Makes an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an observer of the events of all registered layers, also of those that were registered
    /// before. A `TracingObserver` replaces the one of this registry, and the default one of each
    /// registered layer, so that no layer logs an event twice.
    ///
    /// ```
    /// use tower_recourse::{BreakerConfig, Circuit, Registry, observe::Event};
    ///
    /// let registry = Registry::new();
    /// let circuit = Circuit::new(BreakerConfig::default().name("payments").register(&registry));
    /// registry.observe(|event: &Event<'_>| println!("{event:?}"));
    /// circuit.force_open(); // prints the event
    /// ```
    pub fn observe(&self, observer: impl Observer) {
        #[cfg(feature = "tracing")]
        if let Some(log) = TracingObserver::of(&observer) {
            *self.shared.log.write().unwrap_or_else(PoisonError::into_inner) = Some(log);
            return;
        }
        let mut observers = self.shared.observers.write().unwrap_or_else(PoisonError::into_inner);
        let added: Arc<dyn Observer> = Arc::new(observer);
        let all = observers.iter().cloned().chain([added]).collect();
        *observers = all;
    }

    /// Returns all registered circuits that exist, in no order. A keyed breaker reports each of its
    /// circuits.
    #[cfg(feature = "breaker")]
    pub fn circuits(&self) -> Vec<super::CircuitStatus> {
        self.read().take_circuits().map(|circuit| circuit.status).collect()
    }

    /// Returns the registered keyed breakers that exist.
    #[cfg(feature = "keyed")]
    pub fn keyed_breakers(&self) -> Vec<super::KeyedStatus> {
        self.read().keyed
    }

    /// Returns the budgets of all registered retries that exist. A budget that several retries
    /// share is reported once.
    #[cfg(feature = "retry")]
    pub fn budgets(&self) -> Vec<super::BudgetStatus> {
        self.read().take_budgets().map(|budget| budget.status).collect()
    }

    /// Returns the quotas of all registered retries that exist. A quota that several retries share
    /// is reported once.
    #[cfg(feature = "retry")]
    pub fn quotas(&self) -> Vec<super::QuotaStatus> {
        self.read().take_quotas().collect()
    }

    /// Lets [`health`](Self::health) report that the service isn't ready while a circuit of this
    /// name is open. A circuit of a keyed breaker with `named` has the name `name/key`.
    #[cfg(feature = "breaker")]
    pub fn not_ready_if_open(&self, name: impl Into<crate::Name>) {
        let name = name.into();
        let mut critical = self.shared.critical.write().unwrap_or_else(PoisonError::into_inner);
        if !critical.contains(&name) {
            critical.push(name);
        }
    }

    /// The names of [`not_ready_if_open`](Self::not_ready_if_open).
    #[cfg(feature = "breaker")]
    pub(super) fn critical(&self) -> Vec<crate::Name> {
        self.shared.critical.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds a source, unless it is registered.
    #[cfg_attr(not(any(feature = "retry", feature = "breaker")), allow(dead_code))]
    pub(crate) fn insert(&self, source: Weak<dyn Source>) {
        self.shared.sources.insert_once(source);
    }

    /// Passes the events of a layer to the observers of this registry, once.
    pub(crate) fn observe_layer(&self, layer: &mut Observers) {
        let shared = Arc::clone(&self.shared);
        let observer = move |event: &Event<'_>| {
            // Cloned, so that no lock is held while an observer runs.
            let observers = Arc::clone(&*shared.observers.read().unwrap_or_else(PoisonError::into_inner));
            for observer in &*observers {
                observer.on_event(event);
            }
        };
        if layer.add_registry(&self.shared, observer) {
            #[cfg(feature = "tracing")]
            layer.add_log_source(Arc::clone(&self.shared));
        }
    }

    /// Whether both are handles to the same registry.
    #[cfg(all(feature = "metrics", feature = "breaker"))]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    #[cfg_attr(not(any(feature = "retry", feature = "breaker")), allow(dead_code))]
    pub(super) fn read(&self) -> Readings {
        let mut readings = Readings::default();
        self.shared.sources.read_all(&mut readings);
        readings
    }
}

#[cfg(feature = "tracing")]
impl LogSource for Arc<Shared> {
    fn log(&self) -> Option<TracingObserver> {
        *self.log.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.shared.sources).finish()
    }
}
