//! The log of a layer in a registry.

use super::TracingObserver;
use crate::observe::{Event, Observer};

/// Where a layer finds the log that all layers of a registry share.
pub(crate) trait LogSource: Send + Sync + 'static {
    /// `None`: the registry has none.
    fn log(&self) -> Option<TracingObserver>;
}

/// Logs with the levels of a source. If the source has none, it logs with its own, if it has any.
pub(crate) struct LayerLog<S> {
    pub(crate) source: S,
    pub(crate) default: Option<TracingObserver>,
}

impl<S: LogSource> Observer for LayerLog<S> {
    fn on_event(&self, event: &Event<'_>) {
        if let Some(log) = self.source.log().or(self.default) {
            log.on_event(event);
        }
    }
}
