//! Events as lines.

use std::time::Duration;

use super::AuditEntry;
use crate::{
    Cause, FailureInfo,
    observe::{Event, QuotaUsage},
};

/// Whether the event is emitted for each request, or for each failed or rejected call, beside an
/// event that tells what the layer did. During an outage, there are as many of them as there is
/// traffic.
pub(super) fn is_of_every_call(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::CallFailed { .. }
            | Event::CallRejected { .. }
            | Event::RejectionWait { .. }
            | Event::RequestFinished { .. }
            | Event::FallbackSucceeded { .. }
    )
}

pub(super) fn entry(event: &Event<'_>) -> AuditEntry {
    let entry = AuditEntry::new(kind(event)).of_layer(event.name());
    match *event {
        Event::RetryScheduled { name: _, attempt, max_attempts, failure, delay, elapsed, reason, quota } => {
            let entry = attempted(entry, attempt, max_attempts, elapsed).count("delay_ms", millis(delay));
            let entry = if let Some(reason) = reason { entry.reason(reason) } else { entry };
            with_quota(with_failure(entry, Some(failure)), quota)
        }
        Event::TransparentRetry { name: _, attempt, failure, elapsed } => {
            with_failure(attempted(entry, attempt, None, elapsed), Some(failure))
        }
        Event::RejectionWait { name: _, attempt, delay, elapsed } => {
            attempted(entry, attempt, None, elapsed).count("delay_ms", millis(delay))
        }
        Event::RetryStopped { name: _, attempt, max_attempts, cause, failure, elapsed, quota } => {
            let entry = with_cause(attempted(entry, attempt, max_attempts, elapsed), cause);
            with_quota(with_failure(entry, failure), quota)
        }
        Event::RequestNotReplayable { name: _ } | Event::IdempotencyUnknown { name: _ } => entry,
        Event::RetrySucceeded { name: _, attempt, max_attempts, duration, elapsed } => {
            with_time(attempted(entry, attempt, max_attempts, elapsed), "duration_ms", duration)
        }
        Event::RequestFinished { name: _, attempts, outcome, cause, failure, elapsed } => {
            let entry = entry.count("attempts", attempts.into()).outcome(outcome);
            let entry = with_time(entry, "elapsed_ms", elapsed);
            with_failure(if let Some(cause) = cause { with_cause(entry, cause) } else { entry }, failure)
        }
        Event::CircuitOpened {
            name: _,
            open_for,
            openings_in_a_row,
            failures_in_a_row,
            calls,
            failures,
            slow,
            failure,
            failing_for,
        } => {
            let entry = entry.count("openings_in_a_row", openings_in_a_row.into());
            let entry = entry.count("failures_in_a_row", failures_in_a_row.into());
            let entry = with_time(entry, "open_for_ms", (open_for != Duration::MAX).then_some(open_for));
            let entry = with_time(with_window(entry, calls, failures, slow), "failing_for_ms", failing_for);
            with_failure(entry, failure)
        }
        Event::CircuitWouldOpen { name: _, failures_in_a_row, calls, failures, slow, failure } => {
            let entry = entry.count("failures_in_a_row", failures_in_a_row.into());
            with_failure(with_window(entry, calls, failures, slow), failure)
        }
        Event::CircuitModeChanged { name: _, mode } => entry.reason(mode),
        Event::CircuitHalfOpened { name: _, failing_for } | Event::CircuitClosed { name: _, failing_for } => {
            with_time(entry, "failing_for_ms", failing_for)
        }
        Event::CallFailed { name: _, failure } => with_failure(entry, failure),
        Event::CallRejected { name: _, retry_in, failing_for } => {
            with_time(with_time(entry, "retry_in_ms", retry_in), "failing_for_ms", failing_for)
        }
        Event::FallbackCalled { name: _, cause, failure } | Event::FallbackFailed { name: _, cause, failure } => {
            with_failure(with_cause(entry, cause), failure)
        }
        Event::FallbackSucceeded { name: _, cause, duration } => {
            with_time(with_cause(entry, cause), "duration_ms", duration)
        }
    }
}

fn kind(event: &Event<'_>) -> &'static str {
    match event {
        Event::RetryScheduled { .. } => "retry_scheduled",
        Event::TransparentRetry { .. } => "transparent_retry",
        Event::RejectionWait { .. } => "rejection_wait",
        Event::RetryStopped { .. } => "retry_stopped",
        Event::RequestNotReplayable { .. } => "request_not_replayable",
        Event::IdempotencyUnknown { .. } => "idempotency_unknown",
        Event::RetrySucceeded { .. } => "retry_succeeded",
        Event::RequestFinished { .. } => "request_finished",
        Event::CircuitOpened { .. } => "circuit_opened",
        Event::CircuitWouldOpen { .. } => "circuit_would_open",
        Event::CircuitModeChanged { .. } => "circuit_mode_changed",
        Event::CircuitHalfOpened { .. } => "circuit_half_opened",
        Event::CircuitClosed { .. } => "circuit_closed",
        Event::CallFailed { .. } => "call_failed",
        Event::CallRejected { .. } => "call_rejected",
        Event::FallbackCalled { .. } => "fallback_called",
        Event::FallbackSucceeded { .. } => "fallback_succeeded",
        Event::FallbackFailed { .. } => "fallback_failed",
    }
}

fn with_cause(entry: AuditEntry, cause: Cause) -> AuditEntry {
    entry.reason(cause.label()).message(cause)
}

fn attempted(entry: AuditEntry, attempt: u32, max_attempts: Option<u32>, elapsed: Option<Duration>) -> AuditEntry {
    let entry = entry.count("attempt", attempt.into());
    let entry = match max_attempts {
        Some(max_attempts) => entry.count("max_attempts", max_attempts.into()),
        None => entry,
    };
    with_time(entry, "elapsed_ms", elapsed)
}

fn with_failure(entry: AuditEntry, failure: Option<FailureInfo<'_>>) -> AuditEntry {
    match failure {
        Some(failure) => with_time(entry.failure(failure), "duration_ms", failure.duration),
        None => entry,
    }
}

fn with_time(entry: AuditEntry, name: &'static str, time: Option<Duration>) -> AuditEntry {
    match time {
        Some(time) => entry.count(name, millis(time)),
        None => entry,
    }
}

fn with_quota(entry: AuditEntry, quota: Option<QuotaUsage<'_>>) -> AuditEntry {
    match quota {
        Some(QuotaUsage { key, retries, total }) => {
            entry.key(key).count("retries", retries.into()).count("total_retries", total)
        }
        None => entry,
    }
}

fn with_window(entry: AuditEntry, calls: u32, failures: u32, slow: u32) -> AuditEntry {
    entry.count("calls", calls.into()).count("failures", failures.into()).count("slow", slow.into())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
