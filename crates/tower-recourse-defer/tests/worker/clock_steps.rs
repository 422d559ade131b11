//! Wall clocks that are set while a worker runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tower_recourse_defer::{Clock, Queue, sqlite::SqliteQueue};

use crate::fixture::{Log, put, run_for, secs, upstream, worker};

const HOUR: i64 = 3_600_000;

/// Runs three jobs of 40 s, the third of which is due after a minute. The clock is set by `step`
/// after 15 s, while two of them run, and back after 100 s. Returns the starts of the calls.
async fn run(step: i64) -> Vec<String> {
    let offset = Arc::new(AtomicI64::new(0));
    let (time, added) = (Clock::tokio(), Arc::clone(&offset));
    let clock = Clock::from_fn(move || time.now() + added.load(Ordering::Relaxed));
    let queue = SqliteQueue::options().clock(clock).open_in_memory().await.unwrap();
    let log = Log::new();
    for (name, due_in) in [("a", Duration::ZERO), ("b", Duration::ZERO), ("c", secs(60))] {
        put(&queue, name, 0, due_in).await;
    }
    let calls = log.clone();
    let slow = upstream(move |name| {
        calls.write(name);
        async {
            tokio::time::sleep(secs(40)).await;
            Ok(())
        }
    });
    let running = tokio::spawn(run_for(worker(&queue, slow), secs(2 * 3600)));
    tokio::time::sleep(secs(15)).await;
    offset.store(step, Ordering::Relaxed);
    tokio::time::sleep(secs(85)).await;
    offset.store(0, Ordering::Relaxed);
    running.await.unwrap();
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.done, counts.waiting, counts.running, counts.dead), (3, 0, 0, 0));
    let mut starts = log.lines();
    starts.sort();
    starts
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_delays_jobs_and_loses_none() {
    assert_eq!(run(-HOUR).await, ["0 a", "0 b", "100 c"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_ends_leases_and_loses_no_job() {
    // The leases of the running jobs end, and `c` is due. The first calls are dropped at their next
    // renewal.
    assert_eq!(run(HOUR).await, ["0 a", "0 b", "15 a", "15 b", "20 c"]);
}
