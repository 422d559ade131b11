use std::time::Duration;

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
