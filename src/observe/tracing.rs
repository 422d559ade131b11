use std::{borrow::Cow, fmt, time::Duration};

use tracing::{
    Level, debug, error,
    field::{DebugValue, debug},
    info, warn,
};

use super::{Event, Observer};
use crate::{Cause, FailureInfo, Name, observe::ResponseStatus, sanitize::name_str};

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
/// | a circuit counted a failure, or rejected a call; the backup of a fallback answered; a request finished | debug |
///
/// A failure has the fields `error.type` (its kind), `error` (the text),
/// `http.response.status_code` or `rpc.grpc.status_code`, and `duration`. Fields that aren't known
/// are left out. `labels` has the labels of the layer, `circuit_key` the key of a keyed circuit,
/// and `key` that of a quota.
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

/// The fields of a failure.
struct Details<'a>(Option<FailureInfo<'a>>);

impl Details<'_> {
    fn kind(&self) -> Option<&'static str> {
        self.0.map(|failure| failure.kind.label())
    }

    /// `ErrorText` escapes the text and cuts it.
    fn error(&self) -> Option<String> {
        self.0.and_then(|failure| failure.error).map(|error| error.to_string())
    }

    fn http_status(&self) -> Option<u16> {
        match self.0?.status? {
            ResponseStatus::Http(code) => Some(code),
            ResponseStatus::Grpc(_) => None,
        }
    }

    fn grpc_status(&self) -> Option<u16> {
        match self.0?.status? {
            ResponseStatus::Grpc(code) => Some(code),
            ResponseStatus::Http(_) => None,
        }
    }

    fn duration(&self) -> Option<DebugValue<Duration>> {
        self.0.and_then(|failure| failure.duration).map(debug)
    }
}

/// The labels in one field: `team=payments region=eu`. `None` without labels.
fn labels(name: &Name) -> Option<String> {
    let shown: Vec<_> =
        name.labels().iter().map(|label| format!("{}={}", label.name(), name_str(label.value()))).collect();
    (!shown.is_empty()).then(|| shown.join(" "))
}

/// The key of a keyed circuit.
fn circuit_key(name: &Name) -> Option<Cow<'_, str>> {
    name.key().map(name_str)
}

/// Whether a stopped retry is an error in the log. The breaker has its own events for a rejection,
/// and a request that can't be sent again has one that is logged once.
fn is_error(cause: Cause) -> bool {
    !matches!(cause, Cause::Rejected { .. } | Cause::NotReplayable)
}

/// Emits an event with the fields of a failure behind its own fields.
macro_rules! with_failure {
    ($level:expr, $name:expr, $failure:expr, [$($fields:tt)*], $message:literal) => {{
        let details = Details($failure);
        tracing::event!(
            $level,
            name = &*$name.sanitized(),
            $($fields)*
            "error.type" = details.kind(),
            error = details.error().as_deref(),
            "http.response.status_code" = details.http_status(),
            "rpc.grpc.status_code" = details.grpc_status(),
            duration = details.duration(),
            circuit_key = circuit_key($name).as_deref(),
            labels = labels($name).as_deref(),
            $message
        )
    }};
}

impl Observer for TracingObserver {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            Event::RetryScheduled { name, attempt, max_attempts, failure, delay, elapsed, reason, quota } => {
                with_failure!(
                    Level::WARN,
                    name,
                    Some(failure),
                    [
                        attempt,
                        ?delay,
                        max_attempts,
                        elapsed = elapsed.map(debug),
                        reason,
                        key = quota.map(|quota| name_str(quota.key)).as_deref(),
                        retries = quota.map(|quota| quota.retries),
                        total = quota.map(|quota| quota.total),
                    ],
                    "attempt failed, retrying"
                );
            }
            Event::TransparentRetry { name, attempt, failure, elapsed } => {
                with_failure!(
                    Level::INFO,
                    name,
                    Some(failure),
                    [attempt, elapsed = elapsed.map(debug),],
                    "the server did not process the call, sending it again"
                );
            }
            Event::RejectionWait { name, attempt, delay, .. } => {
                with_failure!(
                    Level::DEBUG,
                    name,
                    None,
                    [attempt, ?delay,],
                    "the circuit rejected the call, waiting"
                );
            }
            Event::RetryStopped { name, attempt, max_attempts, cause, failure, elapsed, quota } => {
                let key = quota.map(|quota| name_str(quota.key));
                if is_error(cause) {
                    with_failure!(
                        Level::ERROR,
                        name,
                        failure,
                        [attempt, %cause, max_attempts, elapsed = elapsed.map(debug), key = key.as_deref(),],
                        "not retried"
                    );
                } else {
                    with_failure!(
                        Level::DEBUG,
                        name,
                        failure,
                        [attempt, %cause, max_attempts, elapsed = elapsed.map(debug), key = key.as_deref(),],
                        "not retried"
                    );
                }
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
            Event::RequestFinished { name, attempts, outcome, cause, failure, elapsed } => {
                with_failure!(
                    Level::DEBUG,
                    name,
                    failure,
                    [
                        attempts,
                        outcome = outcome.label(),
                        cause = cause.map(tracing::field::display),
                        elapsed = elapsed.map(debug),
                    ],
                    "request finished"
                );
            }
            Event::FallbackSucceeded { name, cause, .. } => {
                debug!(name = &*name.sanitized(), %cause, "fallback answered");
            }
            Event::CallFailed { name, failure } => with_failure!(Level::DEBUG, name, failure, [], "failure counted"),
            Event::CallRejected { name, retry_in, .. } => debug!(name = &*name.sanitized(), ?retry_in, "call rejected"),
            Event::FallbackCalled { name, cause, failure } => {
                with_failure!(Level::INFO, name, failure, [%cause,], "fallback called");
            }
            Event::FallbackFailed { name, cause, failure } => {
                with_failure!(Level::ERROR, name, failure, [%cause,], "fallback failed");
            }
        }
    }
}
