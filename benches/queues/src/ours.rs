//! The queues of tower-recourse-defer.

use std::{
    convert::Infallible,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;
use tower_recourse_defer::{
    ClaimedJob, JobKey, NewJob, Queue, QueueLimits, Worker, postgres::PostgresQueue, sqlite::SqliteQueue,
};

use crate::{
    Error,
    measure::{self, SLOTS, Timer, pushed_singly},
};

/// Prints the result in the form that the bench reads.
pub async fn measure(system: &str, depth: u64, url: &str) -> Result<(), Error> {
    if system == "recourse-sqlite" {
        return measure_queue(sqlite(Path::new(url)).await?, depth).await;
    }
    let queue = PostgresQueue::options().limits(unlimited()).connect(url).await?;
    queue.migrate().await?;
    measure_queue(queue, depth).await
}

fn unlimited() -> QueueLimits {
    QueueLimits::default().max_jobs(u64::MAX)
}

async fn sqlite(file: &Path) -> Result<SqliteQueue, Error> {
    Ok(SqliteQueue::options().limits(unlimited()).open(file).await?)
}

async fn measure_queue(queue: impl Queue + Clone, depth: u64) -> Result<(), Error> {
    let singly = pushed_singly(depth);
    push(&queue, singly..depth).await?;
    let pushing = Timer::start();
    push(&queue, 0..singly).await?;
    let push = pushing.rate(singly);
    let (rate, run) = drain(queue, measure::drained(depth), |_| ()).await;
    measure::print(push, rate, run);
    Ok(())
}

/// Stores jobs with these keys.
async fn push(queue: &(impl Queue + Clone), keys: std::ops::Range<u64>) -> Result<(), Error> {
    let tasks = (0..SLOTS).map(|task| {
        let (queue, keys) = (queue.clone(), keys.clone());
        tokio::spawn(async move {
            for key in keys.skip(task as usize).step_by(SLOTS as usize) {
                queue.put(&NewJob::new(JobKey::new(key.to_string())?, vec![b'x'; 200])).await?;
            }
            Ok::<(), Error>(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    Ok(())
}

/// Runs this many jobs, and returns the jobs per second and their number. `done` receives the
/// number of finished jobs, after each of them.
async fn drain(queue: impl Queue + Clone, jobs: u64, done: impl Fn(u64) + Send + Sync + 'static) -> (f64, u64) {
    let (count, all) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let (counted, notify) = (Arc::clone(&count), Arc::clone(&all));
    let service = tower::service_fn(|(): ()| async { Ok::<_, Infallible>(()) });
    let worker = Worker::new(queue, |_: &ClaimedJob| Ok::<_, Infallible>(()), service)
        .concurrency(SLOTS as u32)
        .expect("the concurrency is valid")
        .observe(move |event| {
            if event.label() == "Done" {
                let number = counted.fetch_add(1, Ordering::Relaxed) + 1;
                done(number);
                if number == jobs {
                    notify.notify_one();
                }
            }
        });
    let draining = Timer::start();
    let result = Arc::new(Mutex::new((0.0, 0)));
    let at_stop = Arc::clone(&result);
    worker
        .run(async move {
            let _ = tokio::time::timeout(longest(jobs), all.notified()).await;
            let run = count.load(Ordering::Relaxed);
            *at_stop.lock().expect("no holder panics") = (draining.rate(run), run);
        })
        .await;
    *result.lock().expect("no holder panics")
}

fn longest(jobs: u64) -> std::time::Duration {
    // The memory of a whole queue is measured without a limit.
    if jobs > measure::drained(u64::MAX) { measure::LONGEST_DRAIN * 60 } else { measure::LONGEST_DRAIN }
}

/// Runs this many jobs, and prints the resident memory after each fifth.
pub async fn memory(jobs: u64, file: &Path) -> Result<(), Error> {
    push(&sqlite(file).await?, 0..jobs).await?;
    println!("{jobs} stored: {} KiB", measure::memory());
    let (rate, run) = drain(sqlite(file).await?, jobs, move |number| {
        if number % (jobs / 10) == 0 {
            println!("{number} run: {} KiB", measure::memory());
        }
    })
    .await;
    println!("{run} run, {rate:.0} jobs/s");
    Ok(())
}
