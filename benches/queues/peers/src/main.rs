//! Measures one queue of another crate: `SYSTEM DEPTH URL`. The bench `benches/queues` starts it.

use std::{
    error::Error as StdError,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use apalis::prelude::*;
use graphile_worker::{
    DbExecutor, IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, Schema, TaskHandler, Worker,
    WorkerContext, WorkerUtils, tokio_postgres::TokioPostgresDatabase,
};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Notify;

use measure::{FILLED_AT_ONCE, SLOTS, Timer, pushed_singly};

#[path = "../../src/measure.rs"]
mod measure;

type Error = Box<dyn StdError + Send + Sync>;

/// The interval of polls. A worker of tower-recourse-defer needs none, because it waits for the
/// due time of the next job.
const POLL: Duration = Duration::from_millis(10);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    text: String,
}

fn job() -> Job {
    Job { text: "x".repeat(200) }
}

/// Counts the jobs that ran, and notifies when all of them have.
#[derive(Clone, Debug)]
struct Counter(Arc<(AtomicU64, u64, Notify)>);

impl Counter {
    fn new(jobs: u64) -> Self {
        Self(Arc::new((AtomicU64::new(0), jobs, Notify::new())))
    }

    fn add(&self) {
        if self.0.0.fetch_add(1, Ordering::Relaxed) + 1 == self.0.1 {
            self.0.2.notify_one();
        }
    }

    fn done(&self) -> u64 {
        self.0.0.load(Ordering::Relaxed)
    }

    /// Waits until all jobs ran, or as long as a measurement may last.
    async fn all(&self) {
        let _ = tokio::time::timeout(measure::LONGEST_DRAIN, self.0.2.notified()).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [system, depth, url] = &*arguments else { return Err("arguments: SYSTEM DEPTH URL".into()) };
    let depth = depth.parse()?;
    match &**system {
        "apalis-sqlite" => apalis_sqlite(depth, url).await,
        "apalis-postgres" => apalis_postgres(depth, url).await,
        "graphile" => graphile(depth, url).await,
        other => Err(format!("no system {other}").into()),
    }
}

/// Both storages of apalis have this API, but no trait in common.
macro_rules! measure_apalis {
    ($depth:expr, $storage:expr, $analyze:expr) => {{
        let storage = $storage;
        let singly = pushed_singly($depth);
        let mut left = $depth - singly;
        while left > 0 {
            let part = left.min(FILLED_AT_ONCE);
            let tasks = (0..part).map(|_| TaskBuilder::new(job()).build()).collect::<Vec<_>>();
            storage.clone().push_all(futures_util::stream::iter(tasks)).await?;
            left -= part;
        }
        let pushing = Timer::start();
        let tasks = (0..SLOTS).map(|task| {
            let mut storage = storage.clone();
            tokio::spawn(async move {
                for _ in (task..singly).step_by(SLOTS as usize) {
                    storage.push_task(TaskBuilder::new(job()).build()).await?;
                }
                Ok::<(), Error>(())
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await??;
        }
        let push = pushing.rate(singly);
        $analyze.await?;

        let counter = Counter::new(measure::drained($depth));
        let counted = counter.clone();
        let run = move |_: Job| {
            let counted = counted.clone();
            async move { counted.add() }
        };
        let worker = WorkerBuilder::new("bench")
            .backend(storage.poll_with_interval(POLL))
            .concurrency(SLOTS as usize)
            .build(run);
        let draining = Timer::start();
        let (result, rate) = {
            let (stopping, result) = (counter.clone(), Arc::new(std::sync::Mutex::new(0.0)));
            let rate = Arc::clone(&result);
            let stop = async move {
                stopping.all().await;
                *rate.lock().unwrap() = draining.rate(stopping.done());
                Ok::<(), WorkerError>(())
            };
            // The worker drains what it has prefetched, which doesn't count.
            let ended = tokio::time::timeout(Duration::from_secs(30), worker.run_until(stop)).await;
            (ended, *result.lock().unwrap())
        };
        if let Ok(Err(error)) = result {
            eprintln!("the worker ended: {error}");
        }
        measure::print(push, rate, counter.done());
        Ok(())
    }};
}

async fn apalis_sqlite(depth: u64, file: &str) -> Result<(), Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
    apalis_sqlite::SqliteStorage::migrations().run(&pool).await?;
    let config = apalis_sqlite::Config::default().queue("bench").batch_size(10);
    let storage = apalis_sqlite::SqliteStorage::<Job>::new(&pool).with_config(config);
    measure_apalis!(depth, storage, sqlx::query("analyze").execute(&pool))
}

async fn apalis_postgres(depth: u64, url: &str) -> Result<(), Error> {
    let pool = sqlx::PgPool::connect(url).await?;
    apalis_postgres::PostgresStorage::setup(&pool).await?;
    let config = apalis_postgres::Config::default().queue("bench").batch_size(10);
    let storage = apalis_postgres::PostgresStorage::<Job>::new(&pool).with_config(config);
    measure_apalis!(depth, storage, sqlx::query("analyze").execute(&pool))
}

#[derive(Deserialize, Serialize)]
struct Counted(Job);

impl TaskHandler for Counted {
    const IDENTIFIER: &'static str = "counted";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        context.get_ext::<Counter>().expect("the worker has the counter").add();
        Ok::<(), String>(())
    }
}

async fn graphile(depth: u64, url: &str) -> Result<(), Error> {
    let database = graphile_worker::Database::from(TokioPostgresDatabase::from_url(url, SLOTS as usize)?);
    let utils = WorkerUtils::new(database.clone(), Schema::from("bench"));
    utils.migrate().await?;
    let payload = || serde_json::to_value(job());
    let singly = pushed_singly(depth);
    let mut left = depth - singly;
    while left > 0 {
        let part = left.min(FILLED_AT_ONCE);
        let raw = |_| {
            let spec = JobSpec::builder().build();
            Ok(RawJobSpec { identifier: Counted::IDENTIFIER.into(), payload: payload()?, spec })
        };
        let jobs = (0..part).map(raw).collect::<Result<Vec<_>, Error>>()?;
        utils.add_raw_jobs(&jobs).await?;
        left -= part;
    }
    let pushing = Timer::start();
    let utils = Arc::new(utils);
    let tasks = (0..SLOTS).map(|task| {
        let utils = Arc::clone(&utils);
        tokio::spawn(async move {
            for _ in (task..singly).step_by(SLOTS as usize) {
                let payload = serde_json::to_value(job())?;
                utils.add_raw_job(Counted::IDENTIFIER, payload, JobSpec::builder().build()).await?;
            }
            Ok::<(), Error>(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    let push = pushing.rate(singly);
    database.execute("analyze", vec![].into()).await?;

    let counter = Counter::new(measure::drained(depth));
    let worker = Worker::options()
        .database(TokioPostgresDatabase::from_url(url, SLOTS as usize)?)
        .schema("bench".to_owned())
        .concurrency(SLOTS as usize)
        .poll_interval(POLL)
        .local_queue(LocalQueueConfig::default().with_size(100))
        .complete_job_batch_delay(Duration::from_millis(5))
        .add_extension(counter.clone())
        .define_job::<Counted>()
        .init()
        .await?;
    let draining = Timer::start();
    let rate = tokio::select! {
        ended = worker.run() => return Err(format!("the worker ended: {ended:?}").into()),
        () = counter.all() => draining.rate(counter.done()),
    };
    measure::print(push, rate, counter.done());
    Ok(())
}
