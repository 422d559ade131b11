//! Leases, and workers that stop.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tower_recourse_defer::{Clock, JobState, JobUpdate, NextState, Queue, sqlite::SqliteQueue};

use crate::fixture::{
    Log, TestWorker, history, log_events, new_queue, put, run_for, secs, spawn, state, status, upstream, worker,
};

/// A worker whose calls take this time.
fn slow(queue: &SqliteQueue, log: &Log, time: Duration) -> TestWorker {
    let calls = log.clone();
    let upstream = upstream(move |name| {
        calls.write(format_args!("{name} starts"));
        let calls = calls.clone();
        async move {
            tokio::time::sleep(time).await;
            calls.write(format_args!("{name} ends"));
            Ok::<_, io::Error>(())
        }
    });
    worker(queue, upstream)
}

#[tokio::test(start_paused = true)]
async fn a_long_job_keeps_its_lease() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let other = spawn(slow(&queue, &log, secs(300)));
    run_for(slow(&queue, &log, secs(300)), secs(299)).await;
    tokio::time::sleep(secs(2)).await;
    assert_eq!(log.lines(), ["0 a starts", "300 a ends"]);
    assert_eq!(state(&queue, "a").await, JobState::Done);
    other.abort();
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_lease_drops_the_call() {
    let (ahead, log) = (Arc::new(AtomicI64::new(0)), Log::new());
    let (tokio, shift) = (Clock::tokio(), Arc::clone(&ahead));
    let clock = Clock::from_fn(move || tokio.now() + shift.load(Ordering::Relaxed));
    let queue = SqliteQueue::options().clock(clock).open_in_memory().await.unwrap();
    put(&queue, "a", 0, Duration::ZERO).await;
    let running = tokio::spawn(run_for(slow(&queue, &log, secs(300)).observe(log_events(&log)), secs(200)));
    tokio::time::sleep(secs(4)).await;
    let status = status(&queue, "a").await;
    assert_eq!(status.state, JobState::Running);
    // The wall clock steps an hour forward, so another worker can claim the job.
    ahead.store(3_600_000, Ordering::Relaxed);
    let stolen = queue.claim(1, secs(30)).await.unwrap().jobs.remove(0).lease;
    tokio::time::sleep(secs(10)).await;
    assert_eq!(log.lines(), ["0 Started", "0 a starts", "10 LeaseLost"]);
    let update = JobUpdate { state: NextState::Done, attempts: 1, claims: 0, history: status.history };
    assert!(queue.settle(&stolen, &update).await.unwrap());
    running.await.unwrap();
    assert_eq!(log.lines().len(), 3, "nothing else happened: {:?}", log.lines());
}

#[tokio::test(start_paused = true)]
async fn a_stopping_worker_finishes_its_job() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    put(&queue, "b", 0, secs(7)).await;
    run_for(slow(&queue, &log, secs(15)), secs(5)).await;
    assert_eq!(log.lines(), ["0 a starts", "15 a ends"]);
    assert_eq!(state(&queue, "a").await, JobState::Done);
    assert!(matches!(state(&queue, "b").await, JobState::Waiting { .. }), "it claims no more");
}

#[tokio::test(start_paused = true)]
async fn a_stopping_worker_keeps_the_lease_of_a_long_job() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let stopping = tokio::spawn(run_for(slow(&queue, &log, secs(200)).grace(secs(600)), secs(1)));
    // The other worker finds the job claimed.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let other = spawn(slow(&queue, &log, secs(200)));
    stopping.await.unwrap();
    assert_eq!(log.lines(), ["0 a starts", "200 a ends"]);
    other.abort();
}

#[tokio::test(start_paused = true)]
async fn a_stopping_worker_returns_what_it_cant_finish() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    run_for(slow(&queue, &log, secs(300)).observe(log_events(&log)), secs(5)).await;
    assert_eq!(log.lines(), ["0 Started", "0 a starts", "25 Returned"]);
    let status = status(&queue, "a").await;
    assert_eq!((&status.state, status.attempts), (&JobState::Waiting { due_in: Duration::ZERO }, 0));
    assert_eq!(history(&queue, "a").await, ["returned"]);
    // The claim didn't count as one that killed its worker.
    assert_eq!(queue.claim(1, secs(30)).await.unwrap().jobs[0].claims, 1);
}
