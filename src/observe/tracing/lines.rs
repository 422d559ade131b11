//! The line of each event.

use tracing::Level;

use super::{
    circuit_line::{CallCounts, CircuitLine},
    fallback_line::FallbackLine,
    retry_line::RetryLine,
};
use crate::{
    Cause,
    observe::{Event, RequestOutcome},
};

/// Writes the line of an event. Each line can be understood without the others, so it states what
/// happened, and what follows from it.
pub(super) fn write(event: &Event<'_>, level: Level) {
    match *event {
        Event::RetryScheduled { name, attempt, max_attempts, failure, delay, elapsed, reason, quota } => RetryLine {
            attempt: Some(attempt),
            max_attempts,
            delay: Some(delay),
            reason,
            failure: Some(failure),
            elapsed,
            quota,
            ..RetryLine::new("attempt failed, retrying after the delay", name)
        }
        .emit(level),
        Event::TransparentRetry { name, attempt, failure, elapsed } => RetryLine {
            attempt: Some(attempt),
            failure: Some(failure),
            elapsed,
            ..RetryLine::new("the server didn't process the request, sending it again at once", name)
        }
        .emit(level),
        Event::RejectionWait { name, attempt, delay, elapsed } => RetryLine {
            attempt: Some(attempt),
            delay: Some(delay),
            elapsed,
            ..RetryLine::new("a circuit rejected the attempt, making it again after the delay", name)
        }
        .emit(level),
        Event::RetryStopped { name, attempt, max_attempts, cause, failure, elapsed, quota } => RetryLine {
            attempt: Some(attempt),
            max_attempts,
            cause: Some(cause),
            failure,
            elapsed,
            quota,
            ..RetryLine::new(stopped(cause), name)
        }
        .emit(level),
        Event::RequestNotReplayable { name } => RetryLine::new(
            "a request failed and can't be sent again, because the retry kept no complete copy of it; logged once",
            name,
        )
        .emit(level),
        Event::IdempotencyUnknown { name } => RetryLine::new(
            "a request failed and isn't sent again, because it may have been processed, and the classifier doesn't \
             know whether it is idempotent; if every request is, use RetryConfig::idempotent, otherwise \
             classify::IdempotencyCheck; logged once",
            name,
        )
        .emit(level),
        Event::RetrySucceeded { name, attempt, max_attempts, duration, elapsed } => RetryLine {
            attempt: Some(attempt),
            max_attempts,
            duration,
            elapsed,
            ..RetryLine::new("request succeeded after retrying", name)
        }
        .emit(level),
        Event::RequestFinished { name, attempts, outcome, cause, failure, elapsed } => RetryLine {
            attempts: Some(attempts),
            outcome: Some(outcome),
            cause,
            failure,
            elapsed,
            ..RetryLine::new(finished(outcome), name)
        }
        .emit(level),
        Event::CircuitOpened {
            name,
            open_for,
            openings_in_a_row,
            failures_in_a_row,
            calls,
            failures,
            slow,
            failure,
            failing_for,
        } => {
            let message = match openings_in_a_row {
                0 => "circuit was forced open by the program, rejecting calls",
                1 => "circuit opened, rejecting calls",
                _ => "circuit opened again after probing, still rejecting calls",
            };
            CircuitLine {
                stays_open_for: Some(open_for),
                openings_in_a_row: Some(openings_in_a_row).filter(|&openings| openings > 1),
                // No calls opened a circuit that was forced open.
                counts: (openings_in_a_row > 0).then_some(CallCounts { failures_in_a_row, calls, failures, slow }),
                failure,
                // Zero at the first opening of an outage.
                failing_for: failing_for.filter(|time| !time.is_zero()),
                ..CircuitLine::new(message, name)
            }
            .emit(level);
        }
        Event::CircuitWouldOpen { name, failures_in_a_row, calls, failures, slow, failure } => CircuitLine {
            counts: Some(CallCounts { failures_in_a_row, calls, failures, slow }),
            failure,
            ..CircuitLine::new("circuit would have opened, but its mode or group keeps it closed; logged once", name)
        }
        .emit(level),
        Event::CircuitModeChanged { name, mode } => {
            CircuitLine { mode: Some(mode), ..CircuitLine::new("circuit mode was changed by the program", name) }
                .emit(level);
        }
        Event::CircuitHalfOpened { name, failing_for } => {
            CircuitLine { failing_for, ..CircuitLine::new("circuit half-open, probing the service", name) }.emit(level);
        }
        Event::CircuitClosed { name, failing_for } => {
            CircuitLine { failed_for: failing_for, ..CircuitLine::new("circuit closed, admitting calls again", name) }
                .emit(level);
        }
        Event::CallFailed { name, failure } => {
            CircuitLine { failure, ..CircuitLine::new("circuit counted a failed call", name) }.emit(level);
        }
        Event::CallRejected { name, retry_in, failing_for } => {
            let line = CircuitLine::new("circuit rejected a call", name);
            CircuitLine { may_admit_in: retry_in, failing_for, ..line }.emit(level);
        }
        Event::FallbackCalled { name, cause, failure } => {
            let message = "primary failed, the fallback calls its backup";
            FallbackLine { message, name, cause, failure, duration: None }.emit(level);
        }
        Event::FallbackSucceeded { name, cause, duration } => {
            let message = "the fallback's backup succeeded after the primary had failed";
            FallbackLine { message, name, cause, failure: None, duration }.emit(level);
        }
        Event::FallbackFailed { name, cause, failure } => {
            let message = "the fallback's backup failed after the primary had failed";
            FallbackLine { message, name, cause, failure, duration: None }.emit(level);
        }
    }
}

const fn stopped(cause: Cause) -> &'static str {
    match cause {
        Cause::Rejected { .. } => "request failed, because the attempt was rejected",
        _ => "request failed, no further attempt",
    }
}

const fn finished(outcome: RequestOutcome) -> &'static str {
    match outcome {
        RequestOutcome::Success => "request finished with a success",
        RequestOutcome::Neutral => "request finished with a neutral result",
        RequestOutcome::Failure => "request finished with a failure",
    }
}
