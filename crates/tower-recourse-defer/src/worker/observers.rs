use std::{fmt, sync::Arc};

use super::event::JobEvent;

type Observer = dyn Fn(&JobEvent<'_>) + Send + Sync;

/// The observers of a worker.
#[derive(Clone, Default)]
pub(super) struct Observers(Vec<Arc<Observer>>);

impl Observers {
    pub(super) fn add(&mut self, observer: impl Fn(&JobEvent<'_>) + Send + Sync + 'static) {
        self.0.push(Arc::new(observer));
    }

    /// Calls each observer. A panic of one costs only its own event.
    pub(super) fn emit(&self, event: &JobEvent<'_>) {
        for observer in &self.0 {
            let _ = super::panic::catch(|| observer(event));
        }
        #[cfg(feature = "tracing")]
        super::log::log(event);
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.len())
    }
}
