use std::sync::Arc;

use crate::{
    Cause, FailureInfo, Name,
    classify::failure_text::unclassified_failure_info,
    observe::{Event, Observers},
    registry::Registry,
    time::Instant,
};

/// A fallback's name and observers. Only failed calls use it, so all calls share one.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    pub(super) name: Name,
    pub(super) observers: Observers,
    pub(super) registry: Option<Registry>,
    /// Keeps the entry in the registry.
    #[cfg(feature = "metrics")]
    pub(super) entry: super::registry_entry::RegistryEntry,
}

impl Default for Reporter {
    fn default() -> Self {
        Self {
            name: Name::literal("fallback"),
            observers: Observers::default(),
            registry: None,
            #[cfg(feature = "metrics")]
            entry: Default::default(),
        }
    }
}

/// The reporter of one call, with the start of the call's backup.
#[derive(Debug, Clone)]
pub(super) struct CallReporter {
    pub(super) reporter: Arc<Reporter>,
    /// `None` if the backup hasn't been called, or if there are no observers.
    pub(super) backup_started: Option<Instant>,
}

impl CallReporter {
    pub(super) fn new(reporter: Arc<Reporter>) -> Self {
        Self { reporter, backup_started: None }
    }
}

impl Reporter {
    /// The name for the call's report, which can hold only a literal.
    pub(super) fn literal_name(&self) -> &'static str {
        self.name.as_literal().unwrap_or("fallback")
    }

    /// Emits the event, and returns the time at which the backup is called. Neither describes the
    /// failure nor reads the clock without observers.
    pub(super) fn backup_called<'a>(&self, cause: Cause, failure: impl FnOnce() -> FailureInfo<'a>) -> Option<Instant> {
        if self.observers.is_empty() {
            return None;
        }
        self.observers.emit(Event::FallbackCalled { name: &self.name, cause, failure: Some(failure()) });
        Some(Instant::now())
    }

    pub(super) fn backup_succeeded(&self, cause: Cause, started: Option<Instant>) {
        let duration = started.map(|started| started.elapsed());
        self.observers.emit(Event::FallbackSucceeded { name: &self.name, cause, duration });
    }

    pub(super) fn backup_failed<Err: 'static>(&self, cause: Cause, error: &Err, started: Option<Instant>) {
        if self.observers.is_empty() {
            return;
        }
        let duration = started.map(|started| started.elapsed());
        let failure = unclassified_failure_info(error).with_duration(duration);
        self.observers.emit(Event::FallbackFailed { name: &self.name, cause, failure: Some(failure) });
    }
}
