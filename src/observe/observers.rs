use std::{fmt, sync::Arc};

#[cfg(feature = "tracing")]
use super::TracingObserver;
use super::{Event, Observer};

/// The observers of one layer.
#[derive(Clone)]
pub(crate) struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    pub(crate) fn add(&mut self, observer: impl Observer) {
        self.0.push(Arc::new(observer));
    }

    #[cfg_attr(not(any(feature = "retry", feature = "breaker")), allow(dead_code))]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none, so that a layer needs no details for its events.
    #[cfg_attr(not(any(feature = "breaker", feature = "fallback")), allow(dead_code))]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Emits an event that is made only if there is an observer.
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    #[inline]
    pub(crate) fn emit_with<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if !self.0.is_empty() {
            self.emit(event());
        }
    }

    #[inline]
    pub(crate) fn emit(&self, event: Event<'_>) {
        for observer in &self.0 {
            observer.on_event(&event);
        }
    }
}

/// With the feature `tracing`, one observer that logs every event. Without it, none.
impl Default for Observers {
    fn default() -> Self {
        #[cfg(feature = "tracing")]
        let default: Vec<Arc<dyn Observer>> = vec![Arc::new(TracingObserver)];
        #[cfg(not(feature = "tracing"))]
        let default = Vec::new();
        Self(default)
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.len())
    }
}
