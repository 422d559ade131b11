//! Queues of jobs, and the worker of one of them.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::task::AbortHandle;
use tower::BoxError;
use tower_recourse::{http::StatusClassifier, retry::Backoff};
use tower_recourse_defer::{
    ClaimedJob, JobKey, NewJob, Queue, Worker, metrics::JobMetrics, sqlite::SqliteQueue, worker::default_policy,
};

use super::{
    http_client::client,
    upstream::{Plan, Upstream},
};

/// The jobs of a service. The worker stops when they are dropped.
pub struct Jobs {
    /// A queue whose worker makes 4 attempts.
    orders: SqliteQueue,
    /// Jobs that stay in the state `running`, because their leases were taken away.
    stolen: u64,
    file: PathBuf,
    worker: AbortHandle,
    _folder: TempDir,
}

/// What a scrape publishes.
pub struct JobGauges(Vec<(JobMetrics, SqliteQueue)>);

impl JobGauges {
    pub async fn publish(&self) {
        for (metrics, queue) in &self.0 {
            // The queue `audits` fails always.
            let _ = metrics.publish(queue).await;
        }
    }
}

impl Jobs {
    pub async fn start() -> Result<(Self, JobGauges), BoxError> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("jobs.db");
        let orders = SqliteQueue::open(&file).await?;
        // No worker runs its jobs.
        let reports = SqliteQueue::options().name("reports").open(&file).await?;
        // Its table is missing.
        let other_file = folder.path().join("audits.db");
        let audits = SqliteQueue::open(&other_file).await?;
        Connection::open(other_file)?.execute_batch("drop table recourse_jobs")?;

        let metrics = JobMetrics::new("orders");
        let delays = Backoff::schedule([50, 100, 200].map(Duration::from_millis))?;
        let worker = Worker::new(orders.clone(), request_of, client())
            .policy(default_policy().classifier(StatusClassifier::default()).backoff(delays))
            .concurrency(16)?
            .observe(metrics.observer());
        let worker = tokio::spawn(worker.run(std::future::pending())).abort_handle();
        let gauges = [("reports", reports), ("audits", audits)].map(|(name, queue)| (JobMetrics::new(name), queue));
        let gauges = JobGauges(gauges.into_iter().chain([(metrics, orders.clone())]).collect());
        Ok((Self { orders, stolen: 0, file, worker, _folder: folder }, gauges))
    }

    /// Stores a job that sends a request with this id. Only the number of failures and the duration
    /// of the plan apply.
    pub async fn store(&self, upstream: &Upstream, id: u32, plan: Plan) {
        let uri = upstream.request("jobs", id, plan).uri().to_string();
        let payload = serde_json::json!([uri, plan.failing, plan.takes.as_millis() as u64]).to_string();
        let job = NewJob::new(JobKey::new(id.to_string()).expect("a valid key"), payload);
        self.orders.put(&job).await.expect("the queue works");
    }

    /// Waits until the worker has finished all jobs.
    pub async fn finished(&self) {
        self.until(|waiting, running| waiting == 0 && running == self.stolen).await;
    }

    /// Takes the lease of the only running job away from the worker, as another worker would.
    pub async fn steal_lease(&mut self) {
        self.until(|_, running| running == self.stolen + 1).await;
        let steal = "update recourse_jobs set token = token + 1, due = due + 86400000
             where queue = 'default' and leased = 1 and due < unixepoch() * 1000 + 86400000";
        assert_eq!(self.database().execute(steal, []).expect("the queue works"), 1);
        self.stolen += 1;
    }

    /// Stores so many jobs in the queue without a worker. They have been due for 400 s.
    pub fn store_late(&self, jobs: u32) {
        let store = "with recursive number (n) as (select 1 union all select n + 1 from number where n < ?1)
             insert into recourse_jobs (queue, key, payload, stored, attempts, due, token)
             select 'reports', 'late-' || hex(randomblob(8)), x'00', now, 0, now, 1
             from number, (select unixepoch() * 1000 - 400000 as now)";
        self.database().execute(store, [jobs]).expect("the queue works");
    }

    fn database(&self) -> Connection {
        let connection = Connection::open(&self.file).expect("the file exists");
        connection.busy_timeout(Duration::from_secs(5)).expect("a valid time");
        connection
    }

    async fn until(&self, done: impl Fn(u64, u64) -> bool) {
        loop {
            let counts = self.orders.counts().await.expect("the queue works");
            if done(counts.waiting, counts.running) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn request_of(job: &ClaimedJob) -> Result<Request<Full<Bytes>>, BoxError> {
    let (uri, failing, takes): (String, u32, u64) = serde_json::from_slice(&job.payload)?;
    let request = Request::get(uri).header("x-failing", failing).header("x-takes-ms", takes);
    Ok(request.header("x-status", "503").body(Full::default())?)
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.worker.abort();
    }
}
