//! Files that are locked, damaged or gone, and clocks that are wrong.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use rusqlite::Connection;
use tower_recourse_defer::{Clock, Finished, JobKey, Json, NewJob, Queue, QueueError, Worker, sqlite::SqliteQueue};

const LEASE: Duration = Duration::from_secs(30);

fn key(key: &str) -> JobKey {
    JobKey::new(key).unwrap()
}

fn job(name: &str) -> NewJob {
    NewJob::new(key(name), format!("\"{name}\""))
}

/// Runs a worker, and returns the labels of its events.
async fn work(queue: &SqliteQueue, time: Duration) -> Vec<&'static str> {
    let labels = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&labels);
    let healthy = tower::service_fn(|_: String| async { Ok::<_, io::Error>(()) });
    Worker::new(queue.clone(), Json::<String>::new(), healthy)
        .poll(Duration::from_millis(50))
        .unwrap()
        .keep_done(Duration::ZERO)
        .observe(move |event| log.lock().unwrap().push(event.label()))
        .run(tokio::time::sleep(time))
        .await;
    labels.lock().unwrap().clone()
}

#[tokio::test]
async fn a_lease_begins_when_the_file_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let now = Arc::new(AtomicI64::new(1_700_000_000_000));
    let read = Arc::clone(&now);
    let clock = Clock::from_fn(move || read.load(Ordering::Relaxed));
    let queue = SqliteQueue::options().clock(clock).open(&file).await.unwrap();
    queue.put(&job("a")).await.unwrap();
    let other = Connection::open(&file).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let waiting = queue.clone();
    let claim = tokio::spawn(async move { waiting.claim(1, LEASE).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    now.fetch_add(60_000, Ordering::Relaxed);
    other.execute_batch("rollback").unwrap();
    assert_eq!(claim.await.unwrap().unwrap().jobs.len(), 1);
    assert!(queue.claim(1, LEASE).await.unwrap().jobs.is_empty(), "the first lease lasts for 30 s from here");
}

#[tokio::test]
async fn simultaneous_processes_create_one_file() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let file = folder.path().join(format!("jobs-{round}.db"));
        let opened = (0..8).map(|number| {
            let file = file.clone();
            tokio::spawn(async move { SqliteQueue::open(file).await?.put(&job(&number.to_string())).await })
        });
        for opened in opened.collect::<Vec<_>>() {
            opened.await.unwrap().unwrap();
        }
        assert_eq!(SqliteQueue::open(&file).await.unwrap().counts().await.unwrap().waiting, 8);
    }
}

#[tokio::test]
async fn a_damaged_row_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let queue = SqliteQueue::open(&file).await.unwrap();
    for name in ["history", "key", "early", "late", "numbers", "good"] {
        queue.put(&job(name)).await.unwrap();
    }
    let damage = [
        "set history = cast(x'ff00' as text) where key = 'history'",
        "set key = cast(x'6bff' as text) where key = 'key'",
        "set due = -9223372036854775808, stored = -9223372036854775808 where key = 'early'",
        "set due = 9223372036854775807 where key = 'late'",
        "set attempts = 9223372036854775807, claims = -3, token = -5 where key = 'numbers'",
    ];
    let other = Connection::open(&file).unwrap();
    for damage in damage {
        other.execute(&format!("update recourse_jobs {damage}"), []).unwrap();
    }
    for name in ["history", "early", "late", "numbers"] {
        assert!(queue.status(&key(name)).await.unwrap().is_some(), "{name}");
    }
    let labels = work(&queue, Duration::from_millis(500)).await;
    assert!(!labels.contains(&"QueueFailed"), "{labels:?}");
    let counts = queue.counts().await.unwrap();
    // Numbers that are too large or too small are limited. The job with them is set aside.
    assert_eq!((counts.done, counts.running, counts.waiting, counts.dead), (3, 1, 1, 1), "{labels:?}");
}

#[tokio::test]
async fn a_worker_survives_a_table_that_is_gone_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let queue = SqliteQueue::open(&file).await.unwrap();
    queue.put(&job("a")).await.unwrap();
    let other = Connection::open(&file).unwrap();
    other.execute_batch("alter table recourse_jobs rename to gone").unwrap();
    let labels = work(&queue, Duration::from_millis(200)).await;
    assert!(labels.contains(&"QueueFailed") && !labels.contains(&"Started"), "{labels:?}");
    assert!(matches!(queue.put(&job("b")).await, Err(QueueError::Database(_))));
    other.execute_batch("alter table gone rename to recourse_jobs").unwrap();
    assert_eq!(work(&queue, Duration::from_millis(200)).await, ["Started", "Done"]);
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let text = "no database\n".repeat(1000);
    std::fs::write(&file, &text).unwrap();
    let error = SqliteQueue::open(&file).await.unwrap_err();
    assert_eq!(error.to_string(), "the queue's database failed: file is not a database");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn clocks_at_their_ends_are_no_error() {
    for now in [i64::MIN, -5, 0, i64::MAX] {
        let queue = SqliteQueue::options().clock(Clock::from_fn(move || now)).open_in_memory().await.unwrap();
        queue.put(&job("a")).await.unwrap();
        queue.put(&job("b").due_in(Duration::MAX)).await.unwrap();
        let claim = queue.claim(9, Duration::MAX).await.unwrap();
        assert_eq!(claim.jobs.len(), 1, "{now}");
        assert!(queue.renew(&claim.jobs[0].lease, Duration::MAX).await.unwrap());
        assert_eq!(queue.requeue_all(Duration::MAX).await.unwrap(), 0);
        assert_eq!(queue.purge(Finished::Done, Duration::MAX).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_clock_that_panics_is_an_error_and_ends_no_worker() {
    let clock = Clock::from_fn(|| panic!("no time"));
    let queue = SqliteQueue::options().clock(clock).open_in_memory().await.unwrap();
    assert!(matches!(queue.put(&job("a")).await, Err(QueueError::Database(_))));
    let labels = work(&queue, Duration::from_millis(120)).await;
    assert!(!labels.is_empty() && labels.iter().all(|label| *label == "QueueFailed"), "{labels:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_purges_more_done_jobs_than_one_batch() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let queue = SqliteQueue::open(&file).await.unwrap();
    let fill = "with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 25000)
        insert into recourse_jobs (queue, key, payload, stored, state, attempts, due, token)
        select 'default', n, x'', 0, 'done', 1, 0, 0 from numbers";
    Connection::open(&file).unwrap().execute(fill, []).unwrap();
    assert_eq!(queue.counts().await.unwrap().done, 25_000);
    work(&queue, Duration::from_secs(10)).await;
    assert_eq!(queue.counts().await.unwrap().done, 0);
}
