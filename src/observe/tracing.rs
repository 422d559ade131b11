use std::{fmt, time::Duration};

use tracing::{debug, error, info, warn};

use super::{Event, Observer, QuotaUsage};
use crate::{Cause, sanitize::name_str};

/// An observer that logs every event through `tracing`. With the feature `tracing`, which is on by
/// default, each layer has it.
///
/// | event | level |
/// |---|---|
/// | a retry, with attempt and delay | warn |
/// | a circuit opened | error; debug from the second opening in a row on |
/// | a retry stopped: permanent failure, attempts spent, budget empty, deadline | error |
/// | a retry stopped: the circuit rejected the call, or the request can't be sent again; a retry waits for the end of a rejection | debug |
/// | the first request that can't be sent again | warn |
/// | the first failure whose request isn't known to be idempotent | warn |
/// | the backup of a fallback is called; a circuit is half-open or closed; a retry succeeded; a request that the server didn't process is sent again | info |
/// | the backup of a fallback failed, too | error |
/// | a circuit counted a failure, or rejected a call | debug |
///
/// Names and keys are logged as strings, which a subscriber puts between quotes. Before that, the
/// observer escapes them and cuts them at 256 bytes, so that a name from outside can't forge a line
/// or a field.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingObserver;

/// Shows `until reset` in place of a duration for a circuit that stays open until it is reset, and
/// `until the next call` if the open time is over already.
struct ShownOpenTime(Duration);

impl fmt::Debug for ShownOpenTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Duration::MAX => f.write_str("until reset"),
            Duration::ZERO => f.write_str("until the next call"),
            time => time.fmt(f),
        }
    }
}

impl Observer for TracingObserver {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            Event::RetryScheduled { name, attempt, delay, reason, quota: None, .. } => {
                warn!(name = &*name.sanitized(), attempt, ?delay, reason, "attempt failed, retrying");
            }
            Event::RetryScheduled {
                name,
                attempt,
                delay,
                reason,
                quota: Some(QuotaUsage { key, retries, total }),
                ..
            } => {
                warn!(
                    name = &*name.sanitized(),
                    attempt,
                    ?delay,
                    reason,
                    key = &*name_str(key),
                    retries,
                    total,
                    "attempt failed, retrying"
                );
            }
            Event::TransparentRetry { name, attempt, .. } => {
                info!(name = &*name.sanitized(), attempt, "the server did not process the call, sending it again")
            }
            Event::RejectionWait { name, attempt, delay, .. } => {
                debug!(name = &*name.sanitized(), attempt, ?delay, "the circuit rejected the call, waiting");
            }
            Event::RetryStopped {
                name,
                attempt,
                cause: cause @ (Cause::Rejected { .. } | Cause::NotReplayable),
                ..
            } => {
                debug!(name = &*name.sanitized(), attempt, %cause, "not retried");
            }
            Event::RetryStopped { name, attempt, cause, quota, .. } => {
                let key = quota.map(|quota| name_str(quota.key));
                error!(name = &*name.sanitized(), attempt, %cause, key = key.as_deref(), "not retried");
            }
            Event::RequestNotReplayable { name } => {
                warn!(
                    name = &*name.sanitized(),
                    "a request failed and can't be sent again, because nothing of it is kept; logged once"
                );
            }
            Event::IdempotencyUnknown { name } => {
                warn!(
                    name = &*name.sanitized(),
                    "a failure isn't retried: the request may have been processed, and the classifier doesn't know whether it is \
                     idempotent; if every request is, use RetryConfig::idempotent, otherwise classify::IdempotencyCheck; \
                     logged once"
                );
            }
            Event::RetrySucceeded { name, attempt, .. } => {
                info!(name = &*name.sanitized(), attempt, "succeeded after retrying")
            }
            // The first opening has reported the outage. The later ones follow after each open
            // time, for as long as the outage lasts.
            Event::CircuitOpened {
                name, open_for, openings_in_a_row: in_a_row @ 2.., calls, failures, slow, ..
            } => {
                let open_for = ShownOpenTime(open_for);
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
            Event::CircuitOpened {
                name,
                open_for,
                openings_in_a_row,
                failures_in_a_row,
                calls,
                failures,
                slow,
                ..
            } => {
                let open_for = ShownOpenTime(open_for);
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
            Event::CircuitWouldOpen { name, failures_in_a_row, calls, failures, slow, .. } => {
                warn!(name = &*name.sanitized(), failures_in_a_row, calls, failures, slow, "circuit would have opened");
            }
            Event::CircuitModeChanged { name, mode } => {
                info!(name = &*name.sanitized(), mode = &*name_str(mode), "circuit mode changed")
            }
            Event::CircuitHalfOpened { name, .. } => info!(name = &*name.sanitized(), "circuit half-open, probing"),
            Event::CircuitClosed { name, .. } => info!(name = &*name.sanitized(), "circuit closed"),
            Event::RequestFinished { name, attempts, outcome, .. } => {
                debug!(name = &*name.sanitized(), attempts, outcome = outcome.label(), "request finished");
            }
            Event::FallbackSucceeded { name, cause, .. } => {
                debug!(name = &*name.sanitized(), %cause, "fallback answered");
            }
            Event::CallFailed { name, .. } => debug!(name = &*name.sanitized(), "failure counted"),
            Event::CallRejected { name, retry_in, .. } => debug!(name = &*name.sanitized(), ?retry_in, "call rejected"),
            Event::FallbackCalled { name, cause, .. } => info!(name = &*name.sanitized(), %cause, "fallback called"),
            Event::FallbackFailed { name, cause, .. } => error!(name = &*name.sanitized(), %cause, "fallback failed"),
        }
    }
}
