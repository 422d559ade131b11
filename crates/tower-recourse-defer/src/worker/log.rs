//! Events as lines of the log.

use tracing::{debug, error, info, trace, warn};

use super::event::JobEvent;

/// Writes the line of an event. Each line can be understood without the others, and has the job's
/// key, which the lines of the policy don't have. What needs a person is a warning or an error.
pub(super) fn log(event: &JobEvent<'_>) {
    match event {
        JobEvent::Started { key, attempt } => {
            trace!(target: "tower_recourse_defer::worker", %key, attempt, "an attempt of a job starts");
        }
        JobEvent::Done { key, attempt, age } => {
            debug!(target: "tower_recourse_defer::worker", %key, attempt, ?age, "a job is done");
        }
        JobEvent::Retried { key, attempt, due_in, why } => debug!(
            target: "tower_recourse_defer::worker", %key, attempt, delay = ?due_in, error = why,
            "an attempt of a job failed, the next one follows after the delay"
        ),
        JobEvent::Postponed { key, due_in } => debug!(
            target: "tower_recourse_defer::worker", %key, delay = ?due_in,
            "a circuit rejected a job, trying again after the delay"
        ),
        JobEvent::Crashed { key, claims, why } => warn!(
            target: "tower_recourse_defer::worker", %key, claims, error = why,
            "the call of a job panicked, trying again later"
        ),
        JobEvent::Dead { key, attempts, reason, why } => error!(
            target: "tower_recourse_defer::worker", %key, attempts, reason = reason.label(), error = why,
            "a job failed for good and is a dead letter"
        ),
        JobEvent::Returned { key } => info!(
            target: "tower_recourse_defer::worker", %key,
            "the worker stops and returned an unfinished job to the queue"
        ),
        JobEvent::LeaseLost { key } => warn!(
            target: "tower_recourse_defer::worker", %key,
            "the lease of a job was lost, another worker may run it"
        ),
        JobEvent::QueueFailed { error } => warn!(
            target: "tower_recourse_defer::worker", error = %error,
            "the queue failed, the worker tries again"
        ),
    }
}
