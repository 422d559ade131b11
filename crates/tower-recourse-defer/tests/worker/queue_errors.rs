//! A queue that fails for a while.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tower_recourse_defer::{
    Claim, Counts, DeadLetter, Finished, JobKey, JobState, JobStatus, JobUpdate, Json, Lease, NewJob, Queue,
    QueueError, Receipt, Worker, sqlite::SqliteQueue,
};

use crate::fixture::{Log, log_events, new_queue, put, secs, state, upstream};

/// A queue whose operations fail while it is down.
#[derive(Clone)]
struct Flaky {
    queue: SqliteQueue,
    is_down: Arc<AtomicBool>,
}

impl Flaky {
    fn check(&self) -> Result<(), QueueError> {
        match self.is_down.load(Ordering::Relaxed) {
            true => Err(QueueError::database("connection refused")),
            false => Ok(()),
        }
    }
}

impl Queue for Flaky {
    async fn put(&self, job: &NewJob) -> Result<Receipt, QueueError> {
        self.check()?;
        self.queue.put(job).await
    }

    async fn claim(&self, limit: u32, lease: Duration) -> Result<Claim, QueueError> {
        self.check()?;
        self.queue.claim(limit, lease).await
    }

    async fn renew(&self, lease: &Lease, by: Duration) -> Result<bool, QueueError> {
        self.check()?;
        self.queue.renew(lease, by).await
    }

    async fn settle(&self, lease: &Lease, update: &JobUpdate) -> Result<bool, QueueError> {
        self.check()?;
        self.queue.settle(lease, update).await
    }

    async fn status(&self, key: &JobKey) -> Result<Option<JobStatus>, QueueError> {
        self.queue.status(key).await
    }

    async fn counts(&self) -> Result<Counts, QueueError> {
        self.queue.counts().await
    }

    async fn dead_letters(&self, after: Option<&JobKey>, limit: u32) -> Result<Vec<DeadLetter>, QueueError> {
        self.queue.dead_letters(after, limit).await
    }

    async fn requeue(&self, key: &JobKey) -> Result<bool, QueueError> {
        self.queue.requeue(key).await
    }

    async fn requeue_all(&self, spacing: Duration) -> Result<u64, QueueError> {
        self.queue.requeue_all(spacing).await
    }

    async fn purge(&self, which: Finished, older_than: Duration) -> Result<u64, QueueError> {
        self.check()?;
        self.queue.purge(which, older_than).await
    }
}

/// Runs a job of `time`, while the queue is down between two times.
async fn run(time: Duration, down_from: Duration, down_until: Duration) -> (SqliteQueue, Vec<String>) {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let flaky = Flaky { queue: queue.clone(), is_down: Arc::default() };
    let calls = log.clone();
    let upstream = upstream(move |_| {
        let calls = calls.clone();
        async move {
            tokio::time::sleep(time).await;
            calls.write("ends");
            Ok(())
        }
    });
    let events = log_events(&log);
    let worker = Worker::new(flaky.clone(), Json::<String>::new(), upstream).observe(move |event| {
        if event.label() != "QueueFailed" {
            events(event);
        }
    });
    let running = tokio::spawn(worker.run(tokio::time::sleep(secs(300))));
    tokio::time::sleep(down_from).await;
    flaky.is_down.store(true, Ordering::Relaxed);
    tokio::time::sleep(down_until - down_from).await;
    flaky.is_down.store(false, Ordering::Relaxed);
    running.await.unwrap();
    (queue, log.lines())
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_recorded_when_the_queue_is_back() {
    let (queue, lines) = run(secs(5), secs(3), secs(15)).await;
    assert_eq!(lines, ["0 Started", "5 ends", "15 Done"]);
    assert_eq!(state(&queue, "a").await, JobState::Done);
}

#[tokio::test(start_paused = true)]
async fn a_short_failure_of_the_queue_costs_no_lease() {
    let (queue, lines) = run(secs(60), secs(15), secs(35)).await;
    assert_eq!(lines, ["0 Started", "60 ends", "60 Done"]);
    assert_eq!(state(&queue, "a").await, JobState::Done);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_dropped_when_its_lease_cant_be_renewed() {
    let (queue, lines) = run(secs(60), secs(15), secs(100)).await;
    // The last renewal was at 10 s. The call starts again when the queue is back.
    assert_eq!(lines[..2], ["0 Started", "40 LeaseLost"]);
    assert!(lines[2].starts_with("10") && lines[2].ends_with("Started") && lines.len() == 5, "{lines:?}");
    assert_eq!(state(&queue, "a").await, JobState::Done);
}
