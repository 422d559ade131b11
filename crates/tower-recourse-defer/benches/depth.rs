//! How fast jobs are stored and run with many jobs in the queue, and how much memory that takes.
//!
//! ```sh
//! cargo bench -p tower-recourse-defer --bench depth -- [JOBS] [postgresql://…]
//! ```
//!
//! Without a URL, it uses an SQLite file in a temporary folder. In PostgreSQL, it uses the schema
//! `recourse_bench`, and deletes it at the start.

use std::{
    convert::Infallible,
    env, fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use tokio_postgres::NoTls;
use tower_recourse_defer::{
    ClaimedJob, JobKey, NewJob, Queue, QueueLimits, Worker, postgres::PostgresQueue, sqlite::SqliteQueue,
};

type Error = Box<dyn std::error::Error + Send + Sync>;

const TASKS: u64 = 16;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let jobs = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let limits = QueueLimits::default().max_jobs(u64::MAX);
    match arguments.iter().find(|argument| argument.starts_with("postgres")) {
        Some(url) => {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(connection);
            client.batch_execute("drop schema if exists recourse_bench cascade").await?;
            let queue = PostgresQueue::options().schema("recourse_bench").limits(limits).connect(url).await?;
            queue.migrate().await?;
            measure("PostgreSQL", queue, jobs).await
        }
        None => {
            let folder = tempfile::tempdir()?;
            let queue = SqliteQueue::options().limits(limits).open(folder.path().join("jobs.db")).await?;
            measure("SQLite", queue, jobs).await
        }
    }
}

async fn measure(name: &str, queue: impl Queue + Clone, jobs: u64) -> Result<(), Error> {
    let start = Instant::now();
    let tasks = (0..TASKS).map(|task| {
        let queue = queue.clone();
        tokio::spawn(async move {
            for number in (task..jobs).step_by(TASKS as usize) {
                queue.put(&NewJob::new(JobKey::new(number.to_string())?, vec![b'x'; 200])).await?;
            }
            Ok::<(), Error>(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    println!("{name}: {jobs} jobs stored by {TASKS} tasks: {:.0} jobs/s", rate(jobs, start));
    println!("memory: {}", memory());

    let (done, all_done) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let (counted, notify) = (Arc::clone(&done), Arc::clone(&all_done));
    let part = (jobs / 5).max(1);
    let times = Arc::new(std::sync::Mutex::new(vec![Instant::now()]));
    let marks = Arc::clone(&times);
    let service = tower::service_fn(|_: ()| async { Ok::<_, Infallible>(()) });
    let worker = Worker::new(queue, |_: &ClaimedJob| Ok::<_, Infallible>(()), service)
        .concurrency(TASKS as u32)?
        .observe(move |event| {
            if event.label() == "Done" {
                let number = counted.fetch_add(1, Ordering::Relaxed) + 1;
                if number % part == 0 {
                    marks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(Instant::now());
                    println!("  {number} done; memory: {}", memory());
                }
                if number == jobs {
                    notify.notify_one();
                }
            }
        });
    let start = Instant::now();
    worker.run(async move { all_done.notified().await }).await;
    println!("{name}: run by one worker, {TASKS} at once: {:.0} jobs/s", rate(done.load(Ordering::Relaxed), start));
    let times = times.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let rates = times.windows(2).map(|pair| format!("{:.0}", part as f64 / (pair[1] - pair[0]).as_secs_f64()));
    println!("by fifths: {} jobs/s", rates.collect::<Vec<_>>().join(", "));
    Ok(())
}

fn rate(jobs: u64, start: Instant) -> f64 {
    jobs as f64 / start.elapsed().max(Duration::from_millis(1)).as_secs_f64()
}

/// The resident memory of this process.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("unknown").trim().to_owned()
}
