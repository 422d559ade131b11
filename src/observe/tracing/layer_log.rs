//! The log of a layer in a registry.

use std::sync::Arc;

use super::TracingObserver;
use crate::observe::{Event, Observer};

/// Where a layer finds the log that all layers of a registry share.
pub(crate) trait LogSource: Send + Sync + 'static {
    /// `None`: the registry has none.
    fn log(&self) -> Option<TracingObserver>;
}

/// Logs with the levels of a source. If the source has none, the former log of the layer writes.
pub(crate) struct LayerLog<S> {
    pub(crate) source: S,
    pub(crate) former: Option<Arc<dyn Observer>>,
}

impl<S: LogSource> Observer for LayerLog<S> {
    fn on_event(&self, event: &Event<'_>) {
        match (self.source.log(), &self.former) {
            (Some(log), _) => log.on_event(event),
            (None, Some(former)) => former.on_event(event),
            (None, None) => {}
        }
    }
}
