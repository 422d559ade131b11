use std::{fmt, sync::Arc, time::Duration};

use crate::{DeadReason, JobKey, QueueError};

/// What a worker does with a job. Pass a closure to [`Worker::observe`](super::Worker::observe).
#[derive(Debug)]
#[non_exhaustive]
pub enum JobEvent<'a> {
    /// An attempt starts.
    Started {
        /// The job.
        key: &'a JobKey,
        /// The number of the attempt: 1 is the first, also if it was made before the job was
        /// stored.
        attempt: u32,
    },
    /// The job is done.
    Done {
        /// The job.
        key: &'a JobKey,
        /// The number of the attempt that succeeded.
        attempt: u32,
        /// How long the job was in the queue, this attempt included.
        age: Duration,
    },
    /// The attempt failed, and another one follows.
    Retried {
        /// The job.
        key: &'a JobKey,
        /// The number of the attempt that failed.
        attempt: u32,
        /// The time until the next one.
        due_in: Duration,
        /// Why it failed, escaped and cut at 256 bytes.
        why: &'a str,
    },
    /// A breaker rejected the call.
    Postponed {
        /// The job.
        key: &'a JobKey,
        /// The time until the job is due again.
        due_in: Duration,
    },
    /// The call panicked.
    Crashed {
        /// The job.
        key: &'a JobKey,
        /// How many claims in a row had no outcome.
        claims: u32,
        /// The panic's message, escaped and cut at 256 bytes.
        why: &'a str,
    },
    /// The job is a dead letter.
    Dead {
        /// The job.
        key: &'a JobKey,
        /// How many attempts were made.
        attempts: u32,
        /// Why.
        reason: &'a DeadReason,
        /// The last failure, escaped and cut at 256 bytes.
        why: &'a str,
    },
    /// The worker stops, and returned the job.
    Returned {
        /// The job.
        key: &'a JobKey,
    },
    /// The lease was lost: another worker may have claimed the job. The outcome wasn't recorded.
    LeaseLost {
        /// The job.
        key: &'a JobKey,
    },
    /// The queue failed. The worker tries again.
    QueueFailed {
        /// Why.
        error: &'a QueueError,
    },
}

impl JobEvent<'_> {
    /// The name of the variant, such as `Retried`. It is stable.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Started { .. } => "Started",
            Self::Done { .. } => "Done",
            Self::Retried { .. } => "Retried",
            Self::Postponed { .. } => "Postponed",
            Self::Crashed { .. } => "Crashed",
            Self::Dead { .. } => "Dead",
            Self::Returned { .. } => "Returned",
            Self::LeaseLost { .. } => "LeaseLost",
            Self::QueueFailed { .. } => "QueueFailed",
        }
    }
}

type Observer = dyn Fn(&JobEvent<'_>) + Send + Sync;

/// The observers of a worker.
#[derive(Clone, Default)]
pub(super) struct Observers(Vec<Arc<Observer>>);

impl Observers {
    pub(super) fn add(&mut self, observer: impl Fn(&JobEvent<'_>) + Send + Sync + 'static) {
        self.0.push(Arc::new(observer));
    }

    /// Calls each observer. A panic of one costs only its own event.
    pub(super) fn emit(&self, event: &JobEvent<'_>) {
        for observer in &self.0 {
            let _ = super::panic::catch(|| observer(event));
        }
        #[cfg(feature = "tracing")]
        log(event);
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.len())
    }
}

/// Writes what the policy's observers don't: what needs a person is a warning or an error.
#[cfg(feature = "tracing")]
fn log(event: &JobEvent<'_>) {
    match event {
        JobEvent::Started { key, attempt } => tracing::trace!(%key, attempt, "a job starts"),
        JobEvent::Done { key, attempt, age } => tracing::debug!(%key, attempt, ?age, "a job is done"),
        JobEvent::Retried { key, attempt, due_in, why } => {
            tracing::debug!(%key, attempt, ?due_in, error = why, "a job failed and is tried again");
        }
        JobEvent::Postponed { key, due_in } => tracing::debug!(%key, ?due_in, "a circuit rejected a job"),
        JobEvent::Crashed { key, claims, why } => tracing::warn!(%key, claims, error = why, "a job panicked"),
        JobEvent::Dead { key, attempts, reason, why } => {
            tracing::error!(%key, attempts, %reason, error = why, "a job is a dead letter");
        }
        JobEvent::Returned { key } => tracing::info!(%key, "the worker stops and returned a job"),
        JobEvent::LeaseLost { key } => tracing::warn!(%key, "the lease of a job was lost"),
        JobEvent::QueueFailed { error } => tracing::warn!(%error, "the queue failed"),
    }
}
