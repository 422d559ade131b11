//! The name and the compact text form of an event.

use std::{fmt, time::Duration};

use super::Event;
use crate::{FailureInfo, Label, Name, sanitize};

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
            | Event::RequestFinished { name, .. }
            | Event::CircuitOpened { name, .. }
            | Event::CircuitWouldOpen { name, .. }
            | Event::CircuitModeChanged { name, .. }
            | Event::CircuitHalfOpened { name, .. }
            | Event::CircuitClosed { name, .. }
            | Event::CallFailed { name, .. }
            | Event::CallRejected { name, .. }
            | Event::FallbackCalled { name, .. }
            | Event::FallbackSucceeded { name, .. }
            | Event::FallbackFailed { name, .. } => name,
        }
    }

    /// The labels of the layer or circuit that emitted the event.
    pub fn labels(&self) -> &'a [Label] {
        self.name().labels()
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
            Event::RequestFinished { .. } => "RequestFinished",
            Event::CircuitOpened { .. } => "CircuitOpened",
            Event::CircuitWouldOpen { .. } => "CircuitWouldOpen",
            Event::CircuitModeChanged { .. } => "CircuitModeChanged",
            Event::CircuitHalfOpened { .. } => "CircuitHalfOpened",
            Event::CircuitClosed { .. } => "CircuitClosed",
            Event::CallFailed { .. } => "CallFailed",
            Event::CallRejected { .. } => "CallRejected",
            Event::FallbackCalled { .. } => "FallbackCalled",
            Event::FallbackSucceeded { .. } => "FallbackSucceeded",
            Event::FallbackFailed { .. } => "FallbackFailed",
        }
    }
}

/// The label and the fields, without the name: `RetryScheduled attempt=1 delay=1s
/// failure=transient status="HTTP 503"`. Causes and kinds are shown by their labels. Texts from
/// outside are escaped and cut. Measured durations and the limit of attempts are left out, so that
/// a test can compare lines.
impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())?;
        match *self {
            Event::RetryScheduled { attempt, delay, failure, reason, quota, .. } => {
                write!(f, " attempt={attempt} delay={delay:?}")?;
                if let Some(reason) = reason {
                    write!(f, " reason={reason}")?;
                }
                write_failure(f, Some(failure))?;
                write_quota(f, quota)
            }
            Event::RetryStopped { attempt, cause, failure, quota, .. } => {
                write!(f, " attempt={attempt} cause={}", cause.label())?;
                write_failure(f, failure)?;
                write_quota(f, quota)
            }
            Event::TransparentRetry { attempt, failure, .. } => {
                write!(f, " attempt={attempt}")?;
                write_failure(f, Some(failure))
            }
            Event::RetrySucceeded { attempt, .. } => write!(f, " attempt={attempt}"),
            Event::RequestFinished { attempts, outcome, cause, failure, .. } => {
                write!(f, " attempts={attempts} outcome={}", outcome.label())?;
                if let Some(cause) = cause {
                    write!(f, " cause={}", cause.label())?;
                }
                write_failure(f, failure)
            }
            Event::RejectionWait { attempt, delay, .. } => write!(f, " attempt={attempt} delay={delay:?}"),
            Event::CircuitOpened {
                open_for,
                openings_in_a_row,
                failures_in_a_row,
                calls,
                failures,
                slow,
                failure,
                ..
            } => {
                match open_for {
                    Duration::MAX => f.write_str(" open_for=until_reset")?,
                    Duration::ZERO => f.write_str(" open_for=until_next_call")?,
                    time => write!(f, " open_for={time:?}")?,
                }
                write!(f, " openings_in_a_row={openings_in_a_row} failures_in_a_row={failures_in_a_row}")?;
                write!(f, " calls={calls} failures={failures} slow={slow}")?;
                write_failure(f, failure)
            }
            Event::CircuitWouldOpen { failures_in_a_row, calls, failures, slow, failure, .. } => {
                write!(f, " failures_in_a_row={failures_in_a_row} calls={calls} failures={failures} slow={slow}")?;
                write_failure(f, failure)
            }
            Event::CircuitModeChanged { mode, .. } => write!(f, " mode={}", sanitize::quoted(mode)),
            Event::CallFailed { failure, .. } => write_failure(f, failure),
            Event::CallRejected { retry_in: Some(retry_in), .. } => write!(f, " retry_in={retry_in:?}"),
            Event::CallRejected { retry_in: None, .. } => f.write_str(" retry_in=none"),
            Event::FallbackCalled { cause, failure, .. } | Event::FallbackFailed { cause, failure, .. } => {
                write!(f, " cause={}", cause.label())?;
                write_failure(f, failure)
            }
            Event::FallbackSucceeded { cause, .. } => write!(f, " cause={}", cause.label()),
            Event::RequestNotReplayable { .. }
            | Event::IdempotencyUnknown { .. }
            | Event::CircuitHalfOpened { .. }
            | Event::CircuitClosed { .. } => Ok(()),
        }
    }
}

fn write_failure(f: &mut fmt::Formatter<'_>, failure: Option<FailureInfo<'_>>) -> fmt::Result {
    let Some(failure) = failure else { return Ok(()) };
    write!(f, " failure={}", failure.kind.label())?;
    if let Some(status) = failure.status {
        write!(f, " status=\"{status}\"")?;
    }
    match failure.error {
        Some(error) => write!(f, " error={error:?}"),
        None => Ok(()),
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
