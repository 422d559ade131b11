//! Concurrency, rate, and when jobs start.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tower_recourse::retry::Backoff;
use tower_recourse_defer::{Queue, worker::default_policy};

use crate::fixture::{Log, failing, new_queue, put, run_for, secs, spawn, upstream, worker};

#[tokio::test(start_paused = true)]
async fn no_more_jobs_run_at_once_than_allowed() {
    let queue = new_queue().await;
    for number in 0..30 {
        put(&queue, &format!("{number}"), 0, Duration::ZERO).await;
    }
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let highest = Arc::clone(&most);
    let upstream = upstream(move |_| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::time::sleep(secs(1)).await;
            now.fetch_sub(1, Ordering::Relaxed);
            Ok(())
        }
    });
    run_for(worker(&queue, upstream).concurrency(3).unwrap(), secs(12)).await;
    assert_eq!(highest.load(Ordering::Relaxed), 3);
    assert_eq!(queue.counts().await.unwrap().done, 30);
}

#[tokio::test(start_paused = true)]
async fn jobs_start_at_the_rate() {
    let (queue, log) = (new_queue().await, Log::new());
    for number in 0..6 {
        put(&queue, &format!("{number}"), 0, Duration::ZERO).await;
    }
    let calls = log.clone();
    let upstream = upstream(move |_| {
        calls.write("call");
        async { Ok(()) }
    });
    run_for(worker(&queue, upstream).rate(2, secs(10)).unwrap(), secs(60)).await;
    assert_eq!(log.lines(), ["0 call", "5 call", "10 call", "15 call", "20 call", "25 call"]);
}

#[tokio::test(start_paused = true)]
async fn jobs_start_when_they_are_due_and_not_at_a_poll() {
    let (queue, log) = (new_queue().await, Log::new());
    let running = spawn(worker(&queue, failing(&log, "down")).poll(secs(10_000)).unwrap());
    tokio::time::sleep(secs(3)).await;
    put(&queue, "now", 0, Duration::ZERO).await;
    put(&queue, "later", 3, secs(4)).await;
    tokio::time::sleep(secs(15)).await;
    running.abort();
    assert_eq!(log.lines(), ["3 now", "7 later", "13 now"]);
}

#[tokio::test(start_paused = true)]
async fn the_longest_times_are_no_overflow() {
    let queue = new_queue().await;
    for name in ["a", "b"] {
        put(&queue, name, 0, Duration::ZERO).await;
    }
    let healthy = upstream(|_| async { Ok(()) });
    let worker = worker(&queue, healthy).lease(Duration::MAX).unwrap().rate(1, Duration::MAX).unwrap();
    let worker = worker.poll(Duration::MAX).unwrap().grace(Duration::MAX).keep_done(Duration::MAX);
    run_for(worker, secs(1000)).await;
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.done, counts.waiting), (1, 1), "one job per 100 years");
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_due_before_the_next_poll_is_on_time() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let policy = default_policy().backoff(Backoff::fixed(secs(2)));
    let worker = worker(&queue, failing(&log, "down")).poll(secs(10_000)).unwrap().policy(policy);
    worker.run(tokio::time::sleep(secs(60))).await;
    assert_eq!(log.lines(), ["0 a", "2 a", "4 a", "6 a"]);
}

#[test]
fn invalid_settings_are_errors_with_their_names() {
    let worker = || tower_recourse_defer::Worker::new((), (), ());
    let errors = [
        worker().concurrency(0).unwrap_err(),
        worker().rate(0, secs(1)).unwrap_err(),
        worker().poll(Duration::ZERO).unwrap_err(),
        worker().lease(Duration::from_millis(99)).unwrap_err(),
        worker().max_claims(0).unwrap_err(),
    ];
    assert_eq!(errors.each_ref().map(|error| error.field()), ["concurrency", "rate", "poll", "lease", "max_claims"]);
    assert_eq!(errors[3].to_string(), "`lease` is 99ms, but must be at least 100 ms");
}
