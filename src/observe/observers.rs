use std::{fmt, sync::Arc};

use super::{Event, Observer};
#[cfg(feature = "tracing")]
use super::{
    TracingObserver,
    tracing::{LayerLog, LogSource},
};

/// The observers of one layer. At most one of them logs.
#[derive(Clone)]
pub(crate) struct Observers {
    all: Vec<Arc<dyn Observer>>,
    /// Which registries have added an observer, by their addresses. The observers keep the
    /// registries, so no other one gets the address.
    registries: Vec<usize>,
    #[cfg(feature = "tracing")]
    log: Option<Log>,
}

/// The observer that logs.
#[cfg(feature = "tracing")]
#[derive(Clone, Copy)]
struct Log {
    index: usize,
    origin: Origin,
}

#[cfg(feature = "tracing")]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Each layer has it.
    Default,
    /// The registry's, of a layer without a log.
    Registry,
    /// It was added to this layer.
    Own,
}

impl Observers {
    /// Adds an observer. One that logs replaces the one that logs.
    pub(crate) fn add(&mut self, observer: impl Observer) {
        #[cfg(feature = "tracing")]
        if observer.log_levels().is_some() {
            return self.set_log(Arc::new(observer), Origin::Own);
        }
        self.all.push(Arc::new(observer));
    }

    /// Adds the observer of a registry, unless the layer has it. Returns whether it was added.
    pub(crate) fn add_registry(&mut self, registry: &Arc<impl Send + Sync>, observer: impl Observer) -> bool {
        let address = Arc::as_ptr(registry).cast::<()>() as usize;
        if self.registries.contains(&address) {
            return false;
        }
        self.registries.push(address);
        self.add(observer);
        true
    }

    /// Logs as the source states, or as before if it states nothing, unless the layer has a log of
    /// its own.
    #[cfg(feature = "tracing")]
    pub(crate) fn add_log_source(&mut self, source: impl LogSource) {
        let (origin, former) = match self.log {
            Some(Log { origin: Origin::Own, .. }) => return,
            Some(log) => (log.origin, Some(Arc::clone(&self.all[log.index]))),
            None => (Origin::Registry, None),
        };
        self.set_log(Arc::new(LayerLog { source, former }), origin);
    }

    #[cfg(feature = "tracing")]
    fn set_log(&mut self, observer: Arc<dyn Observer>, origin: Origin) {
        let index = match self.log {
            Some(log) => {
                self.all[log.index] = observer;
                log.index
            }
            None => {
                self.all.push(observer);
                self.all.len() - 1
            }
        };
        self.log = Some(Log { index, origin });
    }

    #[cfg_attr(not(any(feature = "retry", feature = "breaker")), allow(dead_code))]
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none, so that a layer needs no details for its events.
    #[cfg_attr(not(any(feature = "breaker", feature = "fallback")), allow(dead_code))]
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.registries.clear();
        #[cfg(feature = "tracing")]
        {
            self.log = None;
        }
    }

    #[inline]
    pub(crate) fn emit(&self, event: Event<'_>) {
        for observer in &self.all {
            observer.on_event(&event);
        }
    }
}

/// With the feature `tracing`, one observer that logs every event. Without it, none.
impl Default for Observers {
    #[cfg(feature = "tracing")]
    fn default() -> Self {
        let log = Log { index: 0, origin: Origin::Default };
        Self { all: vec![Arc::new(TracingObserver::new())], registries: Vec::new(), log: Some(log) }
    }

    #[cfg(not(feature = "tracing"))]
    fn default() -> Self {
        Self { all: Vec::new(), registries: Vec::new() }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.all.len())
    }
}
