use std::{fmt, time::Duration};

use super::{History, JobKey};

/// The right to run a job, for a limited time.
///
/// Each claim of a job has another token. A queue accepts a [renewal](super::Queue::renew) or an
/// [outcome](super::Queue::settle) only with the token of the latest claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job's key.
    pub key: JobKey,
    /// The number of the claim.
    pub token: i64,
}

/// A job that a worker has claimed.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimedJob {
    /// The right to run it.
    pub lease: Lease,
    /// The encoded request.
    pub payload: Vec<u8>,
    /// How long ago it was stored.
    pub age: Duration,
    /// How many attempts were made before.
    pub attempts: u32,
    /// How many claims, including this one, there were since the last recorded outcome: 1 unless a
    /// worker died with the job.
    pub claims: u32,
    /// What happened to it before.
    pub history: History,
}

/// Shows the payload's length only, because the payload may contain secrets.
impl fmt::Debug for ClaimedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimedJob")
            .field("lease", &self.lease)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("age", &self.age)
            .field("attempts", &self.attempts)
            .field("claims", &self.claims)
            .field("history", &self.history)
            .finish()
    }
}

/// The answer to a claim.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// The claimed jobs, in no particular order.
    pub jobs: Vec<ClaimedJob>,
    /// The time until the next job can be claimed. `None` if no job waits or runs, and if there are
    /// as many jobs as the claim allowed, so that there may be more.
    pub next_due: Option<Duration>,
}
