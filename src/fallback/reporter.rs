use crate::{
    Cause, Name,
    observe::{Event, Observers},
};

/// A fallback's name and observers. Only failed calls use it, so all calls share one.
#[derive(Debug, Clone)]
pub(super) struct Reporter {
    pub(super) name: Name,
    pub(super) observers: Observers,
}

impl Default for Reporter {
    fn default() -> Self {
        Self { name: Name::literal("fallback"), observers: Observers::default() }
    }
}

impl Reporter {
    /// The name for the call's report, which can hold only a literal.
    pub(super) fn literal_name(&self) -> &'static str {
        self.name.as_literal().unwrap_or("fallback")
    }

    pub(super) fn backup_called(&self, cause: Cause) {
        self.observers.emit(Event::FallbackCalled { name: &self.name, cause, failure: None });
    }

    pub(super) fn backup_failed(&self, cause: Cause) {
        self.observers.emit(Event::FallbackFailed { name: &self.name, cause, failure: None });
    }
}
