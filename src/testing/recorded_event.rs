//! An owned copy of an event.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    FailureInfo, FailureKind, Name,
    observe::{ErrorText, Event, QuotaUsage, ResponseStatus},
    time::Instant,
};

/// An owned copy of an [`Event`]. `Display` shows its compact form (see [`Event`]).
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// When the event was recorded, in tokio time.
    pub at: Instant,
    name: Name,
    texts: Texts,
    restore: Restore,
}

/// Makes the event again, from its name and texts. An [`Event`] itself can't be stored: the error
/// that it borrows may be of a type that isn't `Send`.
type Restore = Arc<dyn for<'a> Fn(&'a Name, &'a Texts) -> Event<'a> + Send + Sync>;

/// The texts that an event borrows.
#[derive(Debug, Clone, Default)]
struct Texts {
    /// The quota's key, or the mode.
    text: String,
    /// The text of the failure's error.
    error: String,
}

impl RecordedEvent {
    pub(super) fn new(event: &Event<'_>) -> Self {
        let text = match *event {
            Event::RetryScheduled { quota: Some(quota), .. } | Event::RetryStopped { quota: Some(quota), .. } => {
                quota.key.to_owned()
            }
            Event::CircuitModeChanged { mode, .. } => mode.to_owned(),
            _ => String::new(),
        };
        let error = failure_of(event).and_then(|failure| failure.error).map(|error| error.unescaped());
        let texts = Texts { text, error: error.unwrap_or_default() };
        Self { at: Instant::now(), name: event.name().clone(), texts, restore: restore(event) }
    }

    /// The event.
    pub fn event(&self) -> Event<'_> {
        (self.restore)(&self.name, &self.texts)
    }
}

impl fmt::Debug for RecordedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedEvent").field("at", &self.at).field("event", &self.event()).finish()
    }
}

impl fmt::Display for RecordedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.event().fmt(f)
    }
}

fn failure_of<'a>(event: &Event<'a>) -> Option<FailureInfo<'a>> {
    match *event {
        Event::RetryScheduled { failure, .. } | Event::TransparentRetry { failure, .. } => Some(failure),
        Event::RetryStopped { failure, .. }
        | Event::RequestFinished { failure, .. }
        | Event::CircuitOpened { failure, .. }
        | Event::CircuitWouldOpen { failure, .. }
        | Event::CallFailed { failure, .. }
        | Event::FallbackCalled { failure, .. }
        | Event::FallbackFailed { failure, .. } => failure,
        _ => None,
    }
}

/// A failure without its text.
#[derive(Clone, Copy)]
struct StoredFailure {
    kind: FailureKind,
    status: Option<ResponseStatus>,
    has_error: bool,
    duration: Option<Duration>,
}

impl StoredFailure {
    fn new(FailureInfo { kind, status, error, duration, .. }: FailureInfo<'_>) -> Self {
        Self { kind, status, has_error: error.is_some(), duration }
    }

    fn with(self, texts: &Texts) -> FailureInfo<'_> {
        FailureInfo::new(self.kind)
            .with_status(self.status)
            .with_error(self.has_error.then_some(ErrorText::text(&texts.error)))
            .with_duration(self.duration)
    }
}

/// A quota's counts without its key.
#[derive(Clone, Copy)]
struct StoredUsage {
    retries: u32,
    total: u64,
}

impl StoredUsage {
    fn new(QuotaUsage { retries, total, .. }: QuotaUsage<'_>) -> Self {
        Self { retries, total }
    }

    fn with(self, texts: &Texts) -> QuotaUsage<'_> {
        QuotaUsage { key: &texts.text, retries: self.retries, total: self.total }
    }
}

fn restore_by(event: impl for<'a> Fn(&'a Name, &'a Texts) -> Event<'a> + Send + Sync + 'static) -> Restore {
    Arc::new(event)
}

/// [`restore_by`] for an event whose only text is that of a failure.
fn restore_failure(
    failure: Option<FailureInfo<'_>>,
    event: impl for<'a> Fn(&'a Name, Option<FailureInfo<'a>>) -> Event<'a> + Send + Sync + 'static,
) -> Restore {
    let failure = failure.map(StoredFailure::new);
    restore_by(move |name, texts| event(name, with_text(failure, texts)))
}

/// Copies everything of the event except its name and texts.
fn restore(event: &Event<'_>) -> Restore {
    match *event {
        Event::RetryScheduled { attempt, max_attempts, failure, delay, elapsed, reason, quota, .. } => {
            let (failure, quota) = (StoredFailure::new(failure), quota.map(StoredUsage::new));
            restore_by(move |name, texts| {
                let (failure, quota) = (failure.with(texts), quota.map(|quota| quota.with(texts)));
                Event::RetryScheduled { name, attempt, max_attempts, failure, delay, elapsed, reason, quota }
            })
        }
        Event::TransparentRetry { attempt, failure, elapsed, .. } => {
            let failure = StoredFailure::new(failure);
            restore_by(move |name, texts| {
                let failure = failure.with(texts);
                Event::TransparentRetry { name, attempt, failure, elapsed }
            })
        }
        Event::RejectionWait { attempt, delay, elapsed, .. } => {
            restore_by(move |name, _| Event::RejectionWait { name, attempt, delay, elapsed })
        }
        Event::RetryStopped { attempt, max_attempts, cause, failure, elapsed, quota, .. } => {
            let (failure, quota) = (failure.map(StoredFailure::new), quota.map(StoredUsage::new));
            restore_by(move |name, texts| {
                let (failure, quota) = (with_text(failure, texts), quota.map(|quota| quota.with(texts)));
                Event::RetryStopped { name, attempt, max_attempts, cause, failure, elapsed, quota }
            })
        }
        Event::RequestNotReplayable { .. } => restore_by(|name, _| Event::RequestNotReplayable { name }),
        Event::IdempotencyUnknown { .. } => restore_by(|name, _| Event::IdempotencyUnknown { name }),
        Event::RetrySucceeded { attempt, max_attempts, duration, elapsed, .. } => {
            restore_by(move |name, _| Event::RetrySucceeded { name, attempt, max_attempts, duration, elapsed })
        }
        Event::RequestFinished { attempts, outcome, cause, failure, elapsed, .. } => {
            restore_failure(failure, move |name, failure| Event::RequestFinished {
                name,
                attempts,
                outcome,
                cause,
                failure,
                elapsed,
            })
        }
        Event::CircuitOpened {
            open_for,
            openings_in_a_row,
            failures_in_a_row,
            calls,
            failures,
            slow,
            failure,
            failing_for,
            ..
        } => restore_failure(failure, move |name, failure| Event::CircuitOpened {
            name,
            open_for,
            openings_in_a_row,
            failures_in_a_row,
            calls,
            failures,
            slow,
            failure,
            failing_for,
        }),
        Event::CircuitWouldOpen { failures_in_a_row, calls, failures, slow, failure, .. } => {
            restore_failure(failure, move |name, failure| Event::CircuitWouldOpen {
                name,
                failures_in_a_row,
                calls,
                failures,
                slow,
                failure,
            })
        }
        Event::CircuitModeChanged { .. } => {
            restore_by(|name, texts| Event::CircuitModeChanged { name, mode: &texts.text })
        }
        Event::CircuitHalfOpened { failing_for, .. } => {
            restore_by(move |name, _| Event::CircuitHalfOpened { name, failing_for })
        }
        Event::CircuitClosed { failing_for, .. } => {
            restore_by(move |name, _| Event::CircuitClosed { name, failing_for })
        }
        Event::CallFailed { failure, .. } => {
            restore_failure(failure, |name, failure| Event::CallFailed { name, failure })
        }
        Event::CallRejected { retry_in, failing_for, .. } => {
            restore_by(move |name, _| Event::CallRejected { name, retry_in, failing_for })
        }
        Event::FallbackCalled { cause, failure, .. } => {
            restore_failure(failure, move |name, failure| Event::FallbackCalled { name, cause, failure })
        }
        Event::FallbackSucceeded { cause, duration, .. } => {
            restore_by(move |name, _| Event::FallbackSucceeded { name, cause, duration })
        }
        Event::FallbackFailed { cause, failure, .. } => {
            restore_failure(failure, move |name, failure| Event::FallbackFailed { name, cause, failure })
        }
    }
}

fn with_text(failure: Option<StoredFailure>, texts: &Texts) -> Option<FailureInfo<'_>> {
    failure.map(|failure| failure.with(texts))
}
