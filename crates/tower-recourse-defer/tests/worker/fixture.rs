//! A queue, an upstream that records its calls, and a worker between them.

use std::{
    fmt,
    future::{Future, pending},
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{task::JoinHandle, time::Instant};
use tower::util::BoxCloneSyncService;
use tower_recourse_defer::{
    Clock, JobKey, JobState, JobStatus, Json, NewJob, Queue, Worker, sqlite::SqliteQueue, worker::JobEvent,
};

pub(crate) type Upstream = BoxCloneSyncService<String, (), io::Error>;
pub(crate) type TestWorker = Worker<SqliteQueue, Json<String>, Upstream>;

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn key(key: &str) -> JobKey {
    JobKey::new(key).unwrap()
}

pub(crate) async fn new_queue() -> SqliteQueue {
    SqliteQueue::options().clock(Clock::tokio()).open_in_memory().await.unwrap()
}

/// Stores a job whose request is its key.
pub(crate) async fn put(queue: &SqliteQueue, name: &str, attempts: u32, due_in: Duration) {
    let mut job = NewJob::new(key(name), format!("\"{name}\"")).due_in(due_in);
    if attempts > 0 {
        job = job.failed(attempts, "connection refused");
    }
    queue.put(&job).await.unwrap();
}

pub(crate) async fn status(queue: &SqliteQueue, name: &str) -> JobStatus {
    queue.status(&key(name)).await.unwrap().unwrap()
}

pub(crate) async fn state(queue: &SqliteQueue, name: &str) -> JobState {
    status(queue, name).await.state
}

/// The names of what happened to a job.
pub(crate) async fn history(queue: &SqliteQueue, name: &str) -> Vec<String> {
    status(queue, name).await.history.entries().iter().map(|entry| entry.what.clone()).collect()
}

/// What happened, with the seconds since the start.
#[derive(Clone)]
pub(crate) struct Log {
    start: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), lines: Arc::default() }
    }

    pub(crate) fn write(&self, line: impl fmt::Display) {
        self.lines.lock().unwrap().push(format!("{} {line}", self.start.elapsed().as_secs()));
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

/// An upstream that runs this function.
pub(crate) fn upstream<Fut>(call: impl Fn(String) -> Fut + Clone + Send + Sync + 'static) -> Upstream
where
    Fut: Future<Output = io::Result<()>> + Send + 'static,
{
    BoxCloneSyncService::new(tower::service_fn(call))
}

/// An upstream that logs each call, and fails as long as it isn't healed.
pub(crate) fn failing(log: &Log, error: &'static str) -> Upstream {
    let log = log.clone();
    upstream(move |name| {
        log.write(&name);
        async move { Err(io::Error::other(error)) }
    })
}

pub(crate) fn worker(queue: &SqliteQueue, upstream: Upstream) -> TestWorker {
    Worker::new(queue.clone(), Json::<String>::new(), upstream)
}

/// Writes the worker's events to the log.
pub(crate) fn log_events(log: &Log) -> impl Fn(&JobEvent<'_>) + Send + Sync + 'static {
    let log = log.clone();
    move |event| log.write(event.label())
}

/// Runs the worker until its task is aborted, as if the process were killed.
pub(crate) fn spawn(worker: TestWorker) -> JoinHandle<()> {
    tokio::spawn(worker.run(pending()))
}

/// Runs the worker for this time, and stops it.
pub(crate) async fn run_for(worker: TestWorker, time: Duration) {
    worker.run(tokio::time::sleep(time)).await;
}
