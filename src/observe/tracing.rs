use std::{fmt, time::Duration};

use tracing::{debug, error, info, warn};

use super::{Booked, Event, Observer};
use crate::Cause;

/// Writes every event through `tracing`. It is on by default.
///
/// | event | level |
/// |---|---|
/// | a retry, with attempt and delay | warn |
/// | a circuit opened | error |
/// | a permanent failure, attempts spent, budget empty, deadline | error |
/// | a request that a circuit rejected, or that can't be sent again | debug |
/// | the first of those that can't be sent again | warn |
/// | a fallback asked, a circuit half-open or closed, a retry that helped, a refused request that is sent again | info |
/// | a fallback that failed too | error |
/// | a failure that a circuit counted | debug |
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
                warn!(%name, attempt, ?delay, "attempt failed, retrying");
            }
            Event::RetryScheduled { name, attempt, delay, booked: Some(Booked { key, retries, in_all }) } => {
                warn!(%name, attempt, ?delay, key, retries, in_all, "attempt failed, retrying");
            }
            Event::Resent { name, attempt } => info!(%name, attempt, "refused, sent again at once"),
            Event::RetryStopped {
                name,
                attempt,
                cause: cause @ (Cause::Rejected { .. } | Cause::NotReplayable),
                ..
            } => {
                debug!(%name, attempt, %cause, "not retried");
            }
            Event::RetryStopped { name, attempt, cause, booked } => {
                error!(%name, attempt, %cause, key = booked.map(|booked| booked.key), "not retried");
            }
            Event::NothingToRetry { name } => {
                warn!(%name, "a request failed that can't be sent again, as nothing was kept of it; this is said once");
            }
            Event::RetrySucceeded { name, attempt } => info!(%name, attempt, "succeeded after retrying"),
            Event::CircuitOpened { name, open_for, openings_in_a_row, failures_in_a_row, calls, failures, slow } => {
                let open_for = OpenFor(open_for);
                error!(%name, ?open_for, openings_in_a_row, failures_in_a_row, calls, failures, slow, "circuit opened");
            }
            Event::CircuitWouldOpen { name, failures_in_a_row, calls, failures, slow } => {
                warn!(%name, failures_in_a_row, calls, failures, slow, "circuit would have opened");
            }
            Event::CircuitSteered { name, mode } => info!(%name, mode, "circuit steered"),
            Event::CircuitHalfOpened { name } => info!(%name, "circuit half-open, probing"),
            Event::CircuitClosed { name } => info!(%name, "circuit closed"),
            Event::CallFailed { name } => debug!(%name, "failure counted"),
            Event::CallRejected { name, retry_in } => debug!(%name, ?retry_in, "call rejected"),
            Event::FallbackAsked { name, cause } => info!(%name, %cause, "fallback asked"),
            Event::FallbackFailed { name, cause } => error!(%name, %cause, "fallback failed too"),
        }
    }
}
