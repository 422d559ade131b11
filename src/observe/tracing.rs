use tracing::{debug, error, info, warn};

use super::{Event, Observer};
use crate::Cause;

/// Writes every event through `tracing`. It is on by default.
///
/// | event | level |
/// |---|---|
/// | a retry, with attempt and delay | warn |
/// | a circuit opened | error |
/// | a permanent failure, attempts spent, budget empty, deadline | error |
/// | a request that a circuit rejected | debug |
/// | a fallback asked, a circuit half-open or closed, a retry that helped | info |
/// | a fallback that failed too | error |
/// | a failure that a circuit counted | debug |
#[derive(Debug, Clone, Copy, Default)]
pub struct Tracing;

impl Observer for Tracing {
    fn on_event(&self, event: &Event<'_>) {
        match *event {
            Event::RetryScheduled { name, attempt, delay } => {
                warn!(%name, attempt, ?delay, "attempt failed, retrying");
            }
            Event::RetryStopped { name, attempt, cause: cause @ Cause::Rejected { .. } } => {
                debug!(%name, attempt, %cause, "not retried");
            }
            Event::RetryStopped { name, attempt, cause } => error!(%name, attempt, %cause, "not retried"),
            Event::RetrySucceeded { name, attempt } => info!(%name, attempt, "succeeded after retrying"),
            Event::CircuitOpened { name, open_for, openings_in_a_row, calls, failures, slow } => {
                error!(%name, ?open_for, openings_in_a_row, calls, failures, slow, "circuit opened");
            }
            Event::CircuitWouldOpen { name, calls, failures, slow } => {
                warn!(%name, calls, failures, slow, "circuit would have opened");
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
