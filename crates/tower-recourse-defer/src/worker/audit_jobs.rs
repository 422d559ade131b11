//! Outcomes of jobs as lines of an audit log.

use std::time::Duration;

use tower_recourse::observe::{Audit, audit::AuditEntry};

use super::event::JobEvent;

/// An observer for [`Worker::observe`](super::Worker::observe) that writes a line for each outcome
/// of a job. `name` is the `name` of the lines. It doesn't block: the audit's own thread writes.
///
/// | `kind` | `counts` | `reason` | `message` |
/// |---|---|---|---|
/// | `job_done` | `attempt`, `age_ms` | | |
/// | `job_retried` | `attempt`, `delay_ms` | | the failure |
/// | `job_postponed` | `delay_ms` | | |
/// | `job_crashed` | `claims` | | the panic |
/// | `job_dead` | `attempts` | the [reason](crate::DeadReason::label) | the last failure |
/// | `job_returned` | | | |
/// | `job_lease_lost` | | | |
/// | `job_queue_failed` | | | the error |
///
/// `key` is the job's key. The start of an attempt has no line. The policy's observers write their
/// own lines, if the audit is added to the policy, too; these don't have the job's key.
///
/// ```
/// use tower_recourse::observe::Audit;
/// use tower_recourse_defer::{Json, Worker, sqlite::SqliteQueue, worker::audit_jobs};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("audit.jsonl");
/// let audit = Audit::to_file(&path)?;
/// let queue = SqliteQueue::options().open_in_memory().await?;
/// let service = tower::service_fn(|_: String| async { Ok::<_, std::io::Error>(()) });
/// let worker = Worker::new(queue, Json::<String>::new(), service).observe(audit_jobs("orders", audit));
/// # drop(worker);
/// # Ok(())
/// # }
/// ```
pub fn audit_jobs(name: &str, audit: Audit) -> impl Fn(&JobEvent<'_>) + Send + Sync + 'static + use<> {
    let name = name.to_owned();
    move |event| {
        if let Some(kind) = kind(event) {
            audit.record(kind, |entry| fill(entry.name(&name), event));
        }
    }
}

fn kind(event: &JobEvent<'_>) -> Option<&'static str> {
    Some(match event {
        JobEvent::Started { .. } => return None,
        JobEvent::Done { .. } => "job_done",
        JobEvent::Retried { .. } => "job_retried",
        JobEvent::Postponed { .. } => "job_postponed",
        JobEvent::Crashed { .. } => "job_crashed",
        JobEvent::Dead { .. } => "job_dead",
        JobEvent::Returned { .. } => "job_returned",
        JobEvent::LeaseLost { .. } => "job_lease_lost",
        JobEvent::QueueFailed { .. } => "job_queue_failed",
    })
}

fn fill(entry: AuditEntry, event: &JobEvent<'_>) -> AuditEntry {
    match *event {
        JobEvent::Done { key, attempt, age } => {
            entry.key(key).count("attempt", attempt.into()).count("age_ms", millis(age))
        }
        JobEvent::Retried { key, attempt, due_in, why } => {
            entry.key(key).count("attempt", attempt.into()).count("delay_ms", millis(due_in)).message(why)
        }
        JobEvent::Postponed { key, due_in } => entry.key(key).count("delay_ms", millis(due_in)),
        JobEvent::Crashed { key, claims, why } => entry.key(key).count("claims", claims.into()).message(why),
        JobEvent::Dead { key, attempts, reason, why } => {
            entry.key(key).count("attempts", attempts.into()).reason(reason).message(why)
        }
        JobEvent::Started { key, .. } | JobEvent::Returned { key } | JobEvent::LeaseLost { key } => entry.key(key),
        JobEvent::QueueFailed { error } => entry.message(error),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
