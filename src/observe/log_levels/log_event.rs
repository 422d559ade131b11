use crate::observe::Event;

/// A kind of line in the log. [`TracingObserver`](crate::observe::TracingObserver) has the table of
/// the levels.
///
/// Each variant of [`Event`] is one kind, with the same name. [`Event::CircuitOpened`] has three:
/// the first opening of an outage, the later ones, and a forced opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogEvent {
    /// [`Event::RetryScheduled`].
    RetryScheduled,
    /// [`Event::TransparentRetry`].
    TransparentRetry,
    /// [`Event::RejectionWait`].
    RejectionWait,
    /// [`Event::RetryStopped`], with any cause. [`StopCause`](super::StopCause) names a single one.
    RetryStopped,
    /// [`Event::RequestNotReplayable`].
    RequestNotReplayable,
    /// [`Event::IdempotencyUnknown`].
    IdempotencyUnknown,
    /// [`Event::RetrySucceeded`].
    RetrySucceeded,
    /// [`Event::RequestFinished`].
    RequestFinished,
    /// [`Event::CircuitOpened`] of a circuit that was closed.
    CircuitOpened,
    /// [`Event::CircuitOpened`] of a circuit that was half-open.
    CircuitReopened,
    /// [`Event::CircuitOpened`] of a circuit that the program forced open.
    CircuitForcedOpen,
    /// [`Event::CircuitWouldOpen`].
    CircuitWouldOpen,
    /// [`Event::CircuitModeChanged`].
    CircuitModeChanged,
    /// [`Event::CircuitHalfOpened`].
    CircuitHalfOpened,
    /// [`Event::CircuitClosed`].
    CircuitClosed,
    /// [`Event::CallFailed`].
    CallFailed,
    /// [`Event::CallRejected`].
    CallRejected,
    /// [`Event::FallbackCalled`].
    FallbackCalled,
    /// [`Event::FallbackSucceeded`].
    FallbackSucceeded,
    /// [`Event::FallbackFailed`].
    FallbackFailed,
}

impl LogEvent {
    pub(super) const ALL: [Self; 20] = [
        Self::RetryScheduled,
        Self::TransparentRetry,
        Self::RejectionWait,
        Self::RetryStopped,
        Self::RequestNotReplayable,
        Self::IdempotencyUnknown,
        Self::RetrySucceeded,
        Self::RequestFinished,
        Self::CircuitOpened,
        Self::CircuitReopened,
        Self::CircuitForcedOpen,
        Self::CircuitWouldOpen,
        Self::CircuitModeChanged,
        Self::CircuitHalfOpened,
        Self::CircuitClosed,
        Self::CallFailed,
        Self::CallRejected,
        Self::FallbackCalled,
        Self::FallbackSucceeded,
        Self::FallbackFailed,
    ];

    /// The kind of an event's line.
    pub(super) const fn of(event: &Event<'_>) -> Self {
        match event {
            Event::RetryScheduled { .. } => Self::RetryScheduled,
            Event::TransparentRetry { .. } => Self::TransparentRetry,
            Event::RejectionWait { .. } => Self::RejectionWait,
            Event::RetryStopped { .. } => Self::RetryStopped,
            Event::RequestNotReplayable { .. } => Self::RequestNotReplayable,
            Event::IdempotencyUnknown { .. } => Self::IdempotencyUnknown,
            Event::RetrySucceeded { .. } => Self::RetrySucceeded,
            Event::RequestFinished { .. } => Self::RequestFinished,
            Event::CircuitOpened { openings_in_a_row: 0, .. } => Self::CircuitForcedOpen,
            Event::CircuitOpened { openings_in_a_row: 1, .. } => Self::CircuitOpened,
            Event::CircuitOpened { .. } => Self::CircuitReopened,
            Event::CircuitWouldOpen { .. } => Self::CircuitWouldOpen,
            Event::CircuitModeChanged { .. } => Self::CircuitModeChanged,
            Event::CircuitHalfOpened { .. } => Self::CircuitHalfOpened,
            Event::CircuitClosed { .. } => Self::CircuitClosed,
            Event::CallFailed { .. } => Self::CallFailed,
            Event::CallRejected { .. } => Self::CallRejected,
            Event::FallbackCalled { .. } => Self::FallbackCalled,
            Event::FallbackSucceeded { .. } => Self::FallbackSucceeded,
            Event::FallbackFailed { .. } => Self::FallbackFailed,
        }
    }
}
