//! Events as lines.

use std::time::Duration;

use super::AuditEntry;
use crate::{
    Cause,
    observe::{Event, QuotaUsage},
};

/// Whether the event is emitted for each failed or rejected call. During an outage, there are as
/// many of them as there is traffic.
pub(super) fn is_of_every_call(event: &Event<'_>) -> bool {
    matches!(event, Event::CallFailed { .. } | Event::CallRejected { .. } | Event::RejectionWait { .. })
}

pub(super) fn entry(event: &Event<'_>) -> AuditEntry {
    let entry = AuditEntry::new(kind(event));
    match *event {
        Event::RetryScheduled { name, attempt, delay, reason, quota, .. } => {
            let entry = entry.name(name.as_str()).count("attempt", attempt.into()).count("delay_ms", millis(delay));
            with_quota(if let Some(reason) = reason { entry.reason(reason) } else { entry }, quota)
        }
        Event::RejectionWait { name, attempt, delay, .. } => {
            entry.name(name.as_str()).count("attempt", attempt.into()).count("delay_ms", millis(delay))
        }
        Event::RetryStopped { name, attempt, cause, quota, .. } => {
            with_quota(with_cause(entry.name(name.as_str()), cause).count("attempt", attempt.into()), quota)
        }
        Event::RequestNotReplayable { name } | Event::IdempotencyUnknown { name } => entry.name(name.as_str()),
        Event::TransparentRetry { name, attempt, .. } | Event::RetrySucceeded { name, attempt, .. } => {
            entry.name(name.as_str()).count("attempt", attempt.into())
        }
        Event::RequestFinished { name, attempts, outcome, .. } => {
            entry.name(name.as_str()).count("attempts", attempts.into()).reason(outcome.label())
        }
        Event::CircuitOpened {
            name, open_for, openings_in_a_row, failures_in_a_row, calls, failures, slow, ..
        } => {
            let entry = entry.name(name.as_str()).count("openings_in_a_row", openings_in_a_row.into());
            let entry = entry.count("failures_in_a_row", failures_in_a_row.into());
            let entry = if open_for == Duration::MAX { entry } else { entry.count("open_for_ms", millis(open_for)) };
            with_window(entry, calls, failures, slow)
        }
        Event::CircuitWouldOpen { name, failures_in_a_row, calls, failures, slow, .. } => {
            let entry = entry.name(name.as_str()).count("failures_in_a_row", failures_in_a_row.into());
            with_window(entry, calls, failures, slow)
        }
        Event::CircuitModeChanged { name, mode } => entry.name(name.as_str()).reason(mode),
        Event::CircuitHalfOpened { name, .. } | Event::CircuitClosed { name, .. } | Event::CallFailed { name, .. } => {
            entry.name(name.as_str())
        }
        Event::CallRejected { name, retry_in, .. } => match retry_in {
            Some(retry_in) => entry.name(name.as_str()).count("retry_in_ms", millis(retry_in)),
            None => entry.name(name.as_str()),
        },
        Event::FallbackCalled { name, cause, .. }
        | Event::FallbackSucceeded { name, cause, .. }
        | Event::FallbackFailed { name, cause, .. } => with_cause(entry.name(name.as_str()), cause),
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
