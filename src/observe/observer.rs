use std::sync::Arc;

use super::Event;

/// Receives every event of the layers and circuits that it was added to.
///
/// A closure over `&Event<'_>` implements it. State the type of its argument, because the compiler
/// can't infer the lifetime: `|event: &Event<'_>| …`. An `Arc` of an observer is one, too, so that
/// several layers can share it:
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use tower_recourse::{BreakerConfig, RetryConfig, observe::{Event, Observer}};
///
/// #[derive(Default)]
/// struct Counter { events: AtomicU64 }
///
/// impl Observer for Counter {
///     fn on_event(&self, _: &Event<'_>) {
///         self.events.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// let counter = Arc::new(Counter::default());
/// let retry = RetryConfig::default().observe(counter.clone());
/// let breaker = BreakerConfig::default().observe(counter.clone());
/// # let _ = (retry, breaker);
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Called for each event.
    fn on_event(&self, event: &Event<'_>);

    /// The levels of an observer that logs. A layer has at most one.
    #[cfg(feature = "tracing")]
    #[doc(hidden)]
    fn log_levels(&self) -> Option<super::Levels> {
        None
    }
}

impl<F> Observer for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn on_event(&self, event: &Event<'_>) {
        (**self).on_event(event);
    }

    #[cfg(feature = "tracing")]
    fn log_levels(&self) -> Option<super::Levels> {
        (**self).log_levels()
    }
}
