use std::{fmt, time::Duration};

use tracing::{debug, error, info, warn};

use super::{Booked, Event, Observer};
use crate::{Cause, sanitize::name_str};

/// Writes every event through `tracing`. It is on by default.
///
/// | event | level |
/// |---|---|
/// | a retry, with attempt and delay | warn |
/// | a circuit opened | error; debug from the second opening in a row on |
/// | a permanent failure, attempts spent, budget empty, deadline | error |
/// | a request that a circuit rejected, or that can't be sent again; a wait for the end of a rejection | debug |
/// | the first of those that can't be sent again | warn |
/// | the first failure whose request isn't known to be idempotent | warn |
/// | a fallback asked, a circuit half-open or closed, a retry that helped, a refused request that is sent again | info |
/// | a fallback that failed too | error |
/// | a failure that a circuit counted | debug |
///
/// Names and keys are strings, which a subscriber puts between quotes. They are escaped and cut at
/// 256 bytes first, so that none that comes from outside can forge a line or a field.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tracing;

/// Without end, it is no number.
struct OpenFor(Duration);

impl fmt::Debug for OpenFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Duration::MAX { f.write_str("until reset") } else { self.0.fmt(f) }
    }
}

impl Observer for Tracing {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            Event::RetryScheduled { name, attempt, delay, booked: None } => {
                warn!(name = &*name.sanitized(), attempt, ?delay, "attempt failed, retrying");
            }
            Event::RetryScheduled { name, attempt, delay, booked: Some(Booked { key, retries, in_all }) } => {
                warn!(
                    name = &*name.sanitized(),
                    attempt,
                    ?delay,
                    key = &*name_str(key),
                    retries,
                    in_all,
                    "attempt failed, retrying"
                );
            }
            Event::Resent { name, attempt } => info!(name = &*name.sanitized(), attempt, "refused, sent again at once"),
            Event::RejectionWait { name, attempt, delay } => {
                debug!(name = &*name.sanitized(), attempt, ?delay, "rejected by a circuit, waiting");
            }
            Event::RetryStopped {
                name,
                attempt,
                cause: cause @ (Cause::Rejected { .. } | Cause::NotReplayable),
                ..
            } => {
                debug!(name = &*name.sanitized(), attempt, %cause, "not retried");
            }
            Event::RetryStopped { name, attempt, cause, booked } => {
                let key = booked.map(|booked| name_str(booked.key));
                error!(name = &*name.sanitized(), attempt, %cause, key = key.as_deref(), "not retried");
            }
            Event::NothingToRetry { name } => {
                warn!(
                    name = &*name.sanitized(),
                    "a request failed that can't be sent again, as nothing was kept of it; this is said once"
                );
            }
            Event::IdempotencyUnknown { name } => {
                warn!(
                    name = &*name.sanitized(),
                    "a failure isn't retried: the request may have been processed, and the classifier doesn't know whether it is \
                     idempotent; if every request is, use RetryConfig::idempotent, else classify::Idempotent; \
                     this is logged once"
                );
            }
            Event::RetrySucceeded { name, attempt } => {
                info!(name = &*name.sanitized(), attempt, "succeeded after retrying")
            }
            // The first opening has reported the outage. Later ones come once per open time for as
            // long as it lasts.
            Event::CircuitOpened {
                name, open_for, openings_in_a_row: in_a_row @ 2.., calls, failures, slow, ..
            } => {
                let open_for = OpenFor(open_for);
                debug!(
                    name = &*name.sanitized(),
                    ?open_for,
                    openings_in_a_row = in_a_row,
                    calls,
                    failures,
                    slow,
                    "circuit opened again"
                );
            }
            Event::CircuitOpened { name, open_for, openings_in_a_row, failures_in_a_row, calls, failures, slow } => {
                let open_for = OpenFor(open_for);
                error!(
                    name = &*name.sanitized(),
                    ?open_for,
                    openings_in_a_row,
                    failures_in_a_row,
                    calls,
                    failures,
                    slow,
                    "circuit opened"
                );
            }
            Event::CircuitWouldOpen { name, failures_in_a_row, calls, failures, slow } => {
                warn!(name = &*name.sanitized(), failures_in_a_row, calls, failures, slow, "circuit would have opened");
            }
            Event::CircuitSteered { name, mode } => {
                info!(name = &*name.sanitized(), mode = &*name_str(mode), "circuit steered")
            }
            Event::CircuitHalfOpened { name } => info!(name = &*name.sanitized(), "circuit half-open, probing"),
            Event::CircuitClosed { name } => info!(name = &*name.sanitized(), "circuit closed"),
            Event::CallFailed { name } => debug!(name = &*name.sanitized(), "failure counted"),
            Event::CallRejected { name, retry_in } => debug!(name = &*name.sanitized(), ?retry_in, "call rejected"),
            Event::FallbackAsked { name, cause } => info!(name = &*name.sanitized(), %cause, "fallback asked"),
            Event::FallbackFailed { name, cause } => error!(name = &*name.sanitized(), %cause, "fallback failed too"),
        }
    }
}
