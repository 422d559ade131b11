//! Events as lines.

use std::time::Duration;

use super::Entry;
use crate::{
    Cause,
    observe::{Booked, Event},
};

/// Whether the event is emitted for each failed or rejected call. During an outage, there are as
/// many of them as there is traffic.
pub(super) fn is_of_every_call(event: &Event<'_>) -> bool {
    matches!(event, Event::CallFailed { .. } | Event::CallRejected { .. } | Event::RejectionWait { .. })
}

pub(super) fn entry(event: &Event<'_>) -> Entry {
    let entry = Entry::new(kind(event));
    match *event {
        Event::RetryScheduled { name, attempt, delay, booked } => {
            let entry = entry.name(name.as_str()).count("attempt", attempt.into()).count("delay_ms", millis(delay));
            of_ledger(entry, booked)
        }
        Event::RejectionWait { name, attempt, delay } => {
            entry.name(name.as_str()).count("attempt", attempt.into()).count("delay_ms", millis(delay))
        }
        Event::RetryStopped { name, attempt, cause, booked } => {
            of_ledger(because(entry.name(name.as_str()), cause).count("attempt", attempt.into()), booked)
        }
        Event::NothingToRetry { name } | Event::IdempotencyUnknown { name } => entry.name(name.as_str()),
        Event::Resent { name, attempt } | Event::RetrySucceeded { name, attempt } => {
            entry.name(name.as_str()).count("attempt", attempt.into())
        }
        Event::CircuitOpened { name, open_for, openings_in_a_row, failures_in_a_row, calls, failures, slow } => {
            let entry = entry.name(name.as_str()).count("openings_in_a_row", openings_in_a_row.into());
            let entry = entry.count("failures_in_a_row", failures_in_a_row.into());
            let entry = if open_for == Duration::MAX { entry } else { entry.count("open_for_ms", millis(open_for)) };
            of_window(entry, calls, failures, slow)
        }
        Event::CircuitWouldOpen { name, failures_in_a_row, calls, failures, slow } => {
            let entry = entry.name(name.as_str()).count("failures_in_a_row", failures_in_a_row.into());
            of_window(entry, calls, failures, slow)
        }
        Event::CircuitSteered { name, mode } => entry.name(name.as_str()).reason(mode),
        Event::CircuitHalfOpened { name } | Event::CircuitClosed { name } | Event::CallFailed { name } => {
            entry.name(name.as_str())
        }
        Event::CallRejected { name, retry_in } => match retry_in {
            Some(retry_in) => entry.name(name.as_str()).count("retry_in_ms", millis(retry_in)),
            None => entry.name(name.as_str()),
        },
        Event::FallbackAsked { name, cause } | Event::FallbackFailed { name, cause } => {
            because(entry.name(name.as_str()), cause)
        }
    }
}

fn kind(event: &Event<'_>) -> &'static str {
    match event {
        Event::RetryScheduled { .. } => "retry_scheduled",
        Event::Resent { .. } => "resent",
        Event::RejectionWait { .. } => "rejection_wait",
        Event::RetryStopped { .. } => "retry_stopped",
        Event::NothingToRetry { .. } => "nothing_to_retry",
        Event::IdempotencyUnknown { .. } => "idempotency_unknown",
        Event::RetrySucceeded { .. } => "retry_succeeded",
        Event::CircuitOpened { .. } => "circuit_opened",
        Event::CircuitWouldOpen { .. } => "circuit_would_open",
        Event::CircuitSteered { .. } => "circuit_steered",
        Event::CircuitHalfOpened { .. } => "circuit_half_opened",
        Event::CircuitClosed { .. } => "circuit_closed",
        Event::CallFailed { .. } => "call_failed",
        Event::CallRejected { .. } => "call_rejected",
        Event::FallbackAsked { .. } => "fallback_asked",
        Event::FallbackFailed { .. } => "fallback_failed",
    }
}

fn because(entry: Entry, cause: Cause) -> Entry {
    entry.reason(cause.label()).message(cause)
}

fn of_ledger(entry: Entry, booked: Option<Booked<'_>>) -> Entry {
    match booked {
        Some(Booked { key, retries, in_all }) => {
            entry.key(key).count("retries", retries.into()).count("retries_in_all", in_all)
        }
        None => entry,
    }
}

fn of_window(entry: Entry, calls: u32, failures: u32, slow: u32) -> Entry {
    entry.count("calls", calls.into()).count("failures", failures.into()).count("slow", slow.into())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
