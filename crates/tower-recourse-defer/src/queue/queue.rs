use std::{sync::Arc, time::Duration};

use super::{Claim, Counts, DeadLetter, Finished, JobKey, JobStatus, JobUpdate, Lease, NewJob, QueueError, Receipt};

/// A durable queue of jobs. One row is one job.
///
/// `SqliteQueue` (feature `sqlite`) and `PostgresQueue` (feature `postgres`) implement it.
///
/// # Another database
///
/// Implement this trait, and run the suite in `conformance` (feature `testing`) on it. An
/// implementation has to keep three rules:
///
/// 1. A method that returns `Ok` has written its change to disk.
/// 2. [`claim`](Self::claim) is one atomic step: two claims never return the same job, unless the
///    lease of the first has ended.
/// 3. [`renew`](Self::renew) and [`settle`](Self::settle) change a job only if the lease has the
///    token of the job's latest claim, and that claim has no outcome yet.
///
/// # Errors
///
/// All methods return [`QueueError`]. After [`QueueError::Database`] it is unknown whether the
/// change was made. Each method can be repeated: a second `put` of a key changes nothing, a second
/// `settle` returns `false`, and jobs of a claim whose answer was lost can be claimed again after
/// their lease.
///
/// # Cancel safety
///
/// If the future of a method is dropped, it is unknown whether the change was made.
pub trait Queue: Send + Sync + 'static {
    /// Stores a job, unless the queue already holds one with this key.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] or [`QueueError::Invalid`] if the job isn't stored.
    fn put(&self, job: &NewJob) -> impl Future<Output = Result<Receipt, QueueError>> + Send;

    /// Claims at most `limit` jobs that are due, those that are due longest first, for the time
    /// `lease`. A job whose lease has ended without an outcome is due again.
    fn claim(&self, limit: u32, lease: Duration) -> impl Future<Output = Result<Claim, QueueError>> + Send;

    /// Prolongs a lease to `lease` from now. Returns `false` if the lease is lost: the worker must
    /// stop running the job. A lease that has ended, and that no other worker has taken, is
    /// prolonged.
    fn renew(&self, lease: &Lease, by: Duration) -> impl Future<Output = Result<bool, QueueError>> + Send;

    /// Records what follows for a job, and ends the lease. Returns `false` if the lease was lost;
    /// then nothing changes.
    fn settle(&self, lease: &Lease, update: &JobUpdate) -> impl Future<Output = Result<bool, QueueError>> + Send;

    /// The status of a job. `None` if the queue doesn't hold it: it never did, or it was purged.
    fn status(&self, key: &JobKey) -> impl Future<Output = Result<Option<JobStatus>, QueueError>> + Send;

    /// The number of jobs in each state.
    fn counts(&self) -> impl Future<Output = Result<Counts, QueueError>> + Send;

    /// At most `limit` dead letters in the order of their keys, those after `after`.
    fn dead_letters(
        &self,
        after: Option<&JobKey>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, QueueError>> + Send;

    /// Makes a dead letter a waiting job that is due at once, without attempts. Its history stays.
    /// Returns `false` if there is no such dead letter.
    fn requeue(&self, key: &JobKey) -> impl Future<Output = Result<bool, QueueError>> + Send;

    /// Requeues all dead letters, and returns their number. The first is due at once, and each
    /// further one `spacing` later, so that they don't arrive at the upstream together.
    fn requeue_all(&self, spacing: Duration) -> impl Future<Output = Result<u64, QueueError>> + Send;

    /// Removes finished jobs that ended at least `older_than` ago, at most 10,000 of them, and
    /// returns their number.
    fn purge(&self, which: Finished, older_than: Duration) -> impl Future<Output = Result<u64, QueueError>> + Send;

    /// Waits until a job may have been stored. It may also end without one. The default
    /// implementation never ends; then the worker finds new jobs by polling.
    fn job_stored(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

impl<Q: Queue> Queue for Arc<Q> {
    fn put(&self, job: &NewJob) -> impl Future<Output = Result<Receipt, QueueError>> + Send {
        (**self).put(job)
    }

    fn claim(&self, limit: u32, lease: Duration) -> impl Future<Output = Result<Claim, QueueError>> + Send {
        (**self).claim(limit, lease)
    }

    fn renew(&self, lease: &Lease, by: Duration) -> impl Future<Output = Result<bool, QueueError>> + Send {
        (**self).renew(lease, by)
    }

    fn settle(&self, lease: &Lease, update: &JobUpdate) -> impl Future<Output = Result<bool, QueueError>> + Send {
        (**self).settle(lease, update)
    }

    fn status(&self, key: &JobKey) -> impl Future<Output = Result<Option<JobStatus>, QueueError>> + Send {
        (**self).status(key)
    }

    fn counts(&self) -> impl Future<Output = Result<Counts, QueueError>> + Send {
        (**self).counts()
    }

    fn dead_letters(
        &self,
        after: Option<&JobKey>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<DeadLetter>, QueueError>> + Send {
        (**self).dead_letters(after, limit)
    }

    fn requeue(&self, key: &JobKey) -> impl Future<Output = Result<bool, QueueError>> + Send {
        (**self).requeue(key)
    }

    fn requeue_all(&self, spacing: Duration) -> impl Future<Output = Result<u64, QueueError>> + Send {
        (**self).requeue_all(spacing)
    }

    fn purge(&self, which: Finished, older_than: Duration) -> impl Future<Output = Result<u64, QueueError>> + Send {
        (**self).purge(which, older_than)
    }

    fn job_stored(&self) -> impl Future<Output = ()> + Send {
        (**self).job_stored()
    }
}
