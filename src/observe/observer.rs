use std::{fmt, sync::Arc};

use super::Event;

/// Is told every event. A closure over `&Event<'_>` is one.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn on_event(&self, event: &Event<'_>);
}

impl<F> Observer for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

/// All observers of one layer.
#[derive(Clone)]
#[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]
pub(crate) struct Observers(Vec<Arc<dyn Observer>>);

#[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]
impl Observers {
    pub(crate) fn add(&mut self, observer: impl Observer) {
        self.0.push(Arc::new(observer));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    #[inline]
    pub(crate) fn tell(&self, event: Event<'_>) {
        for observer in &self.0 {
            observer.on_event(&event);
        }
    }
}

/// With the feature `tracing`, everything is written through it; otherwise nobody listens.
impl Default for Observers {
    fn default() -> Self {
        #[cfg(feature = "tracing")]
        let default: Vec<Arc<dyn Observer>> = vec![Arc::new(super::Tracing)];
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
