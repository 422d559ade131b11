use std::{fmt, sync::Arc, time::Duration};

use rusqlite::Connection;
use tokio::sync::{Mutex, Notify};

use super::{
    operations::{At, begin},
    options::SqliteOptions,
};
use crate::{
    Claim, Counts, DeadLetter, Finished, JobKey, JobStatus, JobUpdate, Lease, NewJob, Queue, QueueError, Receipt,
    queue::{Fill, millis},
};

/// A queue in an SQLite file. Clones share the connection.
///
/// ```
/// use tower_recourse_defer::{JobKey, NewJob, Queue, sqlite::SqliteQueue};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("jobs.db");
/// let queue = SqliteQueue::open(file).await?;
/// let receipt = queue.put(&NewJob::new(JobKey::new("order-17")?, "payload")).await?;
/// assert!(receipt.is_new());
/// assert_eq!(queue.counts().await?.waiting, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteQueue {
    options: Arc<SqliteOptions>,
    connection: Arc<Mutex<Connection>>,
    fill: Arc<Fill>,
    stored: Arc<Notify>,
}

impl SqliteQueue {
    pub(super) fn new(options: Arc<SqliteOptions>, connection: Connection) -> Self {
        let (connection, fill) = (Arc::new(Mutex::new(connection)), Arc::new(Fill::new(options.limits.jobs())));
        Self { options, connection, fill, stored: Arc::default() }
    }

    /// Stores a job on your own connection to the same file. In a transaction, the job exists if
    /// the transaction commits. It blocks the thread, and doesn't check how many jobs the queue
    /// holds. A worker finds the job when it polls next.
    ///
    /// ```
    /// use tower_recourse_defer::{JobKey, NewJob, Queue, sqlite::{SqliteQueue, rusqlite::Connection}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let file = folder.path().join("shop.db");
    /// let queue = SqliteQueue::open(&file).await?;
    /// let mut connection = Connection::open(&file)?;
    /// connection.execute_batch("create table orders (number integer)")?;
    ///
    /// let transaction = connection.transaction()?;
    /// transaction.execute("insert into orders values (17)", [])?;
    /// queue.put_in(&transaction, &NewJob::new(JobKey::new("order-17")?, "payload"))?;
    /// transaction.commit()?;
    /// assert_eq!(queue.counts().await?.waiting, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`QueueError::Invalid`] if the payload is too long, and [`QueueError::Database`].
    pub fn put_in(&self, connection: &Connection, job: &NewJob) -> Result<Receipt, QueueError> {
        self.options.limits.check(job)?;
        let at = At { connection, queue: &self.options.name, now: self.options.clock.now() };
        Ok(Receipt::new(job.key().clone(), at.insert(job)?))
    }

    /// Runs `operation` in a transaction.
    async fn change<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&At<'_>) -> Result<T, QueueError> + Send + 'static,
    ) -> Result<T, QueueError> {
        let run = |connection: &mut Connection, options: &SqliteOptions| {
            let transaction = begin(connection)?;
            // The time is read after the wait for the write lock: a lease lasts from now.
            let now = options.clock.now();
            let returned = operation(&At { connection: &transaction, queue: &options.name, now })?;
            transaction.commit().map_err(QueueError::database)?;
            Ok(returned)
        };
        self.run(run).await
    }

    /// Runs `operation` without a transaction, so that it doesn't wait for the write lock.
    async fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&At<'_>) -> Result<T, QueueError> + Send + 'static,
    ) -> Result<T, QueueError> {
        let run = |connection: &mut Connection, options: &SqliteOptions| {
            operation(&At { connection, queue: &options.name, now: options.clock.now() })
        };
        self.run(run).await
    }

    /// Runs `operation` on the connection, on a blocking thread. Per queue, at most one thread is
    /// busy or waits for the file. A panic of the clock is an error.
    async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Connection, &SqliteOptions) -> Result<T, QueueError> + Send + 'static,
    ) -> Result<T, QueueError> {
        let mut connection = Arc::clone(&self.connection).lock_owned().await;
        let options = Arc::clone(&self.options);
        let done = tokio::task::spawn_blocking(move || operation(&mut connection, &options));
        done.await.map_err(QueueError::database)?
    }
}

impl Queue for SqliteQueue {
    async fn put(&self, job: &NewJob) -> Result<Receipt, QueueError> {
        self.options.limits.check(job)?;
        let (job, fill, limit) = (job.clone(), Arc::clone(&self.fill), self.options.limits.jobs());
        let receipt = self.change(move |at| {
            let jobs = match fill.jobs() {
                Some(jobs) => jobs,
                None => {
                    let jobs = at.jobs()?;
                    fill.counted(jobs);
                    jobs
                }
            };
            if jobs >= limit {
                // A key that the queue holds needs no room.
                return match at.status(job.key())? {
                    Some(_) => Ok(Receipt::new(job.key().clone(), false)),
                    None => Err(QueueError::Full { limit }),
                };
            }
            let is_new = at.insert(&job)?;
            if is_new {
                fill.stored();
            }
            Ok(Receipt::new(job.key().clone(), is_new))
        });
        let receipt = receipt.await?;
        self.stored.notify_one();
        Ok(receipt)
    }

    async fn claim(&self, limit: u32, lease: Duration) -> Result<Claim, QueueError> {
        self.change(move |at| at.claim(limit, millis(lease))).await
    }

    async fn renew(&self, lease: &Lease, by: Duration) -> Result<bool, QueueError> {
        let lease = lease.clone();
        self.change(move |at| at.renew(&lease, millis(by))).await
    }

    async fn settle(&self, lease: &Lease, update: &JobUpdate) -> Result<bool, QueueError> {
        let (lease, update) = (lease.clone(), update.clone());
        self.change(move |at| at.settle(&lease, &update)).await
    }

    async fn status(&self, key: &JobKey) -> Result<Option<JobStatus>, QueueError> {
        let key = key.clone();
        self.read(move |at| at.status(&key)).await
    }

    async fn counts(&self) -> Result<Counts, QueueError> {
        self.read(|at| at.counts()).await
    }

    async fn dead_letters(&self, after: Option<&JobKey>, limit: u32) -> Result<Vec<DeadLetter>, QueueError> {
        let after = after.cloned();
        self.read(move |at| at.dead_letters(after.as_ref(), limit)).await
    }

    async fn requeue(&self, key: &JobKey) -> Result<bool, QueueError> {
        let key = key.clone();
        let requeued = self.change(move |at| at.requeue(&key)).await?;
        self.stored.notify_one();
        Ok(requeued)
    }

    async fn requeue_all(&self, spacing: Duration) -> Result<u64, QueueError> {
        let requeued = self.change(move |at| at.requeue_all(millis(spacing))).await?;
        self.stored.notify_one();
        Ok(requeued)
    }

    async fn purge(&self, which: Finished, older_than: Duration) -> Result<u64, QueueError> {
        self.change(move |at| at.purge(which, millis(older_than))).await
    }

    /// Ends when this queue or a clone of it stores a job. Other processes aren't noticed.
    async fn job_stored(&self) {
        self.stored.notified().await;
    }
}

impl fmt::Debug for SqliteQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteQueue").field("options", &self.options).finish_non_exhaustive()
    }
}
