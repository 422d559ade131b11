//! An owned copy of an event.

use std::fmt;

use crate::{
    Name,
    observe::{Event, QuotaUsage},
    time::Instant,
};

/// An owned copy of an [`Event`]. `Display` shows its compact form (see [`Event`]).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// When the event was recorded, in tokio time.
    pub at: Instant,
    /// The event, with placeholders for the borrowed texts below.
    event: Event<'static>,
    name: Name,
    text: String,
}

static NO_NAME: Name = Name::literal("");

impl RecordedEvent {
    pub(super) fn new(event: &Event<'_>) -> Self {
        let text = match *event {
            Event::RetryScheduled { quota: Some(quota), .. } | Event::RetryStopped { quota: Some(quota), .. } => {
                quota.key.to_owned()
            }
            Event::CircuitModeChanged { mode, .. } => mode.to_owned(),
            _ => String::new(),
        };
        Self { at: Instant::now(), event: with_texts(*event, &NO_NAME, ""), name: event.name().clone(), text }
    }

    /// The event.
    pub fn event(&self) -> Event<'_> {
        with_texts(self.event, &self.name, &self.text)
    }
}

impl fmt::Display for RecordedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.event().fmt(f)
    }
}

/// The event with another name, and with another quota key or mode.
fn with_texts<'a>(event: Event<'_>, name: &'a Name, text: &'a str) -> Event<'a> {
    let quota = |quota: Option<QuotaUsage<'_>>| {
        quota.map(|QuotaUsage { retries, total, .. }| QuotaUsage { key: text, retries, total })
    };
    match event {
        Event::RetryScheduled { attempt, delay, reason, quota: used, .. } => {
            Event::RetryScheduled { name, attempt, delay, reason, quota: quota(used) }
        }
        Event::TransparentRetry { attempt, .. } => Event::TransparentRetry { name, attempt },
        Event::RejectionWait { attempt, delay, .. } => Event::RejectionWait { name, attempt, delay },
        Event::RetryStopped { attempt, cause, quota: used, .. } => {
            Event::RetryStopped { name, attempt, cause, quota: quota(used) }
        }
        Event::RequestNotReplayable { .. } => Event::RequestNotReplayable { name },
        Event::IdempotencyUnknown { .. } => Event::IdempotencyUnknown { name },
        Event::RetrySucceeded { attempt, .. } => Event::RetrySucceeded { name, attempt },
        Event::CircuitOpened { open_for, openings_in_a_row, failures_in_a_row, calls, failures, slow, .. } => {
            Event::CircuitOpened { name, open_for, openings_in_a_row, failures_in_a_row, calls, failures, slow }
        }
        Event::CircuitWouldOpen { failures_in_a_row, calls, failures, slow, .. } => {
            Event::CircuitWouldOpen { name, failures_in_a_row, calls, failures, slow }
        }
        Event::CircuitModeChanged { .. } => Event::CircuitModeChanged { name, mode: text },
        Event::CircuitHalfOpened { .. } => Event::CircuitHalfOpened { name },
        Event::CircuitClosed { .. } => Event::CircuitClosed { name },
        Event::CallFailed { .. } => Event::CallFailed { name },
        Event::CallRejected { retry_in, .. } => Event::CallRejected { name, retry_in },
        Event::FallbackCalled { cause, .. } => Event::FallbackCalled { name, cause },
        Event::FallbackFailed { cause, .. } => Event::FallbackFailed { name, cause },
    }
}
