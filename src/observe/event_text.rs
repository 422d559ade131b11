//! The name and the compact text form of an event.

use std::{fmt, time::Duration};

use super::Event;
use crate::{Name, sanitize};

impl<'a> Event<'a> {
    /// The name of the layer or circuit that emitted the event.
    pub const fn name(&self) -> &'a Name {
        match self {
            Event::RetryScheduled { name, .. }
            | Event::TransparentRetry { name, .. }
            | Event::RejectionWait { name, .. }
            | Event::RetryStopped { name, .. }
            | Event::RequestNotReplayable { name }
            | Event::IdempotencyUnknown { name }
            | Event::RetrySucceeded { name, .. }
            | Event::CircuitOpened { name, .. }
            | Event::CircuitWouldOpen { name, .. }
            | Event::CircuitModeChanged { name, .. }
            | Event::CircuitHalfOpened { name }
            | Event::CircuitClosed { name }
            | Event::CallFailed { name }
            | Event::CallRejected { name, .. }
            | Event::FallbackCalled { name, .. }
            | Event::FallbackFailed { name, .. } => name,
        }
    }

    /// The name of the variant, such as `RetryScheduled`. It is stable.
    pub const fn label(&self) -> &'static str {
        match self {
            Event::RetryScheduled { .. } => "RetryScheduled",
            Event::TransparentRetry { .. } => "TransparentRetry",
            Event::RejectionWait { .. } => "RejectionWait",
            Event::RetryStopped { .. } => "RetryStopped",
            Event::RequestNotReplayable { .. } => "RequestNotReplayable",
            Event::IdempotencyUnknown { .. } => "IdempotencyUnknown",
            Event::RetrySucceeded { .. } => "RetrySucceeded",
            Event::CircuitOpened { .. } => "CircuitOpened",
            Event::CircuitWouldOpen { .. } => "CircuitWouldOpen",
            Event::CircuitModeChanged { .. } => "CircuitModeChanged",
            Event::CircuitHalfOpened { .. } => "CircuitHalfOpened",
            Event::CircuitClosed { .. } => "CircuitClosed",
            Event::CallFailed { .. } => "CallFailed",
            Event::CallRejected { .. } => "CallRejected",
            Event::FallbackCalled { .. } => "FallbackCalled",
            Event::FallbackFailed { .. } => "FallbackFailed",
        }
    }
}

/// The label and the fields, without the name: `RetryScheduled attempt=1 delay=1s`. Causes are
/// shown by their [label](crate::Cause::label). Texts from outside are escaped and cut.
impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())?;
        match *self {
            Event::RetryScheduled { attempt, delay, reason, quota, .. } => {
                write!(f, " attempt={attempt} delay={delay:?}")?;
                if let Some(reason) = reason {
                    write!(f, " reason={reason}")?;
                }
                write_quota(f, quota)
            }
            Event::RetryStopped { attempt, cause, quota, .. } => {
                write!(f, " attempt={attempt} cause={}", cause.label())?;
                write_quota(f, quota)
            }
            Event::TransparentRetry { attempt, .. } | Event::RetrySucceeded { attempt, .. } => {
                write!(f, " attempt={attempt}")
            }
            Event::RejectionWait { attempt, delay, .. } => write!(f, " attempt={attempt} delay={delay:?}"),
            Event::CircuitOpened { open_for, openings_in_a_row, failures_in_a_row, calls, failures, slow, .. } => {
                match open_for {
                    Duration::MAX => f.write_str(" open_for=until_reset")?,
                    Duration::ZERO => f.write_str(" open_for=until_next_call")?,
                    time => write!(f, " open_for={time:?}")?,
                }
                write!(f, " openings_in_a_row={openings_in_a_row} failures_in_a_row={failures_in_a_row}")?;
                write!(f, " calls={calls} failures={failures} slow={slow}")
            }
            Event::CircuitWouldOpen { failures_in_a_row, calls, failures, slow, .. } => {
                write!(f, " failures_in_a_row={failures_in_a_row} calls={calls} failures={failures} slow={slow}")
            }
            Event::CircuitModeChanged { mode, .. } => write!(f, " mode={}", sanitize::quoted(mode)),
            Event::CallRejected { retry_in: Some(retry_in), .. } => write!(f, " retry_in={retry_in:?}"),
            Event::CallRejected { retry_in: None, .. } => f.write_str(" retry_in=none"),
            Event::FallbackCalled { cause, .. } | Event::FallbackFailed { cause, .. } => {
                write!(f, " cause={}", cause.label())
            }
            Event::RequestNotReplayable { .. }
            | Event::IdempotencyUnknown { .. }
            | Event::CircuitHalfOpened { .. }
            | Event::CircuitClosed { .. }
            | Event::CallFailed { .. } => Ok(()),
        }
    }
}

fn write_quota(f: &mut fmt::Formatter<'_>, quota: Option<super::QuotaUsage<'_>>) -> fmt::Result {
    match quota {
        Some(quota) => {
            write!(f, " key={} retries={} total={}", sanitize::quoted(quota.key), quota.retries, quota.total)
        }
        None => Ok(()),
    }
}
