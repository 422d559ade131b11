//! The queue: what a job is, and what each implementation of [`Queue`] does with it.

mod claimed_job;
mod clock;
mod counts;
mod dead_letter;
mod dead_reason;
mod error;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod fill;
mod history;
mod job_key;
mod job_status;
mod limits;
mod new_job;
mod queue;
mod receipt;
mod update;

pub use claimed_job::{Claim, ClaimedJob, Lease};
pub use clock::Clock;
pub use counts::Counts;
pub use dead_letter::{DeadLetter, Finished};
pub use dead_reason::DeadReason;
pub use error::{InvalidValue, QueueError};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use fill::Fill;
pub use history::{History, HistoryEntry};
pub use job_key::JobKey;
pub use job_status::{JobState, JobStatus};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use job_status::{StatusRow, millis_until};
pub use limits::QueueLimits;
pub use new_job::NewJob;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use new_job::millis;
pub use queue::Queue;
pub use receipt::Receipt;
pub use update::{JobUpdate, NextState};
