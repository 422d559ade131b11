//! What the child processes run: a worker, or a front that stores jobs.

use std::{env, fs::OpenOptions, io, io::Write, path::PathBuf, process::id, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use tower_recourse::retry::Backoff;
use tower_recourse_defer::{
    ClaimedJob, Clock, JobKey, NewJob, Queue, Worker, postgres::PostgresQueue, sqlite::SqliteQueue,
    worker::default_policy,
};

pub(crate) const ROLE: &str = "DEFER_TEST_ROLE";
pub(crate) const QUEUE: &str = "DEFER_TEST_QUEUE";
pub(crate) const LOG: &str = "DEFER_TEST_LOG";

/// The lease of the workers. The tests fail if the machine stalls for longer.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// A job that fails this many times, and takes this long each time.
#[derive(Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) fails: u32,
    pub(crate) ms: u64,
}

pub(crate) fn job(name: &str, work: &Work) -> NewJob {
    NewJob::new(JobKey::new(name).unwrap(), serde_json::to_vec(work).unwrap())
}

/// Whether this process is a child. Then it runs its role, until it is killed or terminated.
pub(crate) async fn is_child() -> bool {
    let Ok(role) = env::var(ROLE) else { return false };
    let queue = env::var(QUEUE).unwrap();
    if queue.starts_with("postgresql://") {
        run(&role, PostgresQueue::connect(&queue).await.unwrap()).await;
    } else {
        run(&role, SqliteQueue::open(&queue).await.unwrap()).await;
    }
    true
}

async fn run(role: &str, queue: impl Queue + Clone) {
    let log = Log::of_child();
    match role {
        "worker" => work(queue, log).await,
        "front" => front(queue, log).await,
        other => panic!("{other}"),
    }
}

/// Stores jobs, and logs each one that is stored, as a front answers 202.
async fn front(queue: impl Queue, log: Log) {
    for number in 0.. {
        let name = format!("{}-{number}", id());
        queue.put(&job(&name, &Work { fails: 0, ms: 0 })).await.unwrap();
        log.write("accepted", &name, 0);
    }
}

async fn work(queue: impl Queue + Clone, log: Log) {
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    log.write("up", "-", 0);
    let decode = |job: &ClaimedJob| {
        let work: Work = serde_json::from_slice(&job.payload)?;
        Ok::<_, serde_json::Error>((job.lease.key.to_string(), job.attempts, work))
    };
    let calls = log.clone();
    let service = tower::service_fn(move |(key, attempt, work): (String, u32, Work)| {
        let log = calls.clone();
        async move {
            let running = Running::start(log, key, attempt);
            sleep(Duration::from_millis(work.ms)).await;
            running.end(attempt >= work.fails)
        }
    });
    let delays = [100, 300, 900].map(Duration::from_millis);
    let worker = Worker::new(queue, decode, service)
        .policy(default_policy().backoff(Backoff::schedule(delays).unwrap()).without_observers())
        .lease(LEASE)
        .unwrap()
        .poll(Duration::from_millis(200))
        .unwrap();
    worker
        .run(async move {
            terminate.recv().await;
        })
        .await;
    log.write("down", "-", 0);
}

/// An append-only file. Each line has the time, the process, what happened, the key and the
/// attempt.
#[derive(Clone)]
pub(crate) struct Log(PathBuf);

impl Log {
    fn of_child() -> Self {
        Self(env::var_os(LOG).unwrap().into())
    }

    pub(crate) fn write(&self, what: &str, key: &str, attempt: u32) {
        let line = format!("{} {} {what} {key} {attempt}\n", Clock::system().now(), id());
        let mut file = OpenOptions::new().append(true).create(true).open(&self.0).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// A call that runs. If it is dropped before its end, it logs that.
struct Running {
    log: Log,
    key: String,
    attempt: u32,
    has_ended: bool,
}

impl Running {
    fn start(log: Log, key: String, attempt: u32) -> Self {
        log.write("start", &key, attempt);
        Self { log, key, attempt, has_ended: false }
    }

    fn end(mut self, is_ok: bool) -> io::Result<()> {
        self.has_ended = true;
        self.log.write(if is_ok { "ok" } else { "fail" }, &self.key, self.attempt);
        if is_ok { Ok(()) } else { Err(io::Error::other("not yet")) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended {
            self.log.write("dropped", &self.key, self.attempt);
        }
    }
}
