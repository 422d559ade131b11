//! A queue that fails, panics, hangs, or answers late, for a while.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_recourse_defer::{
    Claim, Counts, DeadLetter, Finished, JobKey, JobState, JobStatus, JobUpdate, Json, Lease, NewJob, Queue,
    QueueError, Receipt, Worker, sqlite::SqliteQueue,
};

use crate::fixture::{Log, Upstream, log_events, new_queue, put, secs, state, upstream};

#[derive(Clone, Copy)]
enum Fault {
    None,
    Fails,
    Panics,
    Hangs,
    /// It answers after this time.
    IsLate(Duration),
}

/// A queue whose operations have a fault.
#[derive(Clone)]
struct Flaky {
    queue: SqliteQueue,
    fault: Arc<Mutex<Fault>>,
}

impl Flaky {
    fn new(queue: &SqliteQueue, fault: Fault) -> Self {
        Self { queue: queue.clone(), fault: Arc::new(Mutex::new(fault)) }
    }

    fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    async fn run<T>(&self, operation: impl Future<Output = Result<T, QueueError>>) -> Result<T, QueueError> {
        let fault = *self.fault.lock().unwrap();
        match fault {
            Fault::None => operation.await,
            Fault::Fails => Err(QueueError::database("connection refused")),
            Fault::Panics => panic!("a bug in the queue"),
            Fault::Hangs => std::future::pending().await,
            Fault::IsLate(time) => {
                let answer = operation.await;
                tokio::time::sleep(time).await;
                answer
            }
        }
    }
}

impl Queue for Flaky {
    async fn put(&self, job: &NewJob) -> Result<Receipt, QueueError> {
        self.run(self.queue.put(job)).await
    }

    async fn claim(&self, limit: u32, lease: Duration) -> Result<Claim, QueueError> {
        self.run(self.queue.claim(limit, lease)).await
    }

    async fn renew(&self, lease: &Lease, by: Duration) -> Result<bool, QueueError> {
        self.run(self.queue.renew(lease, by)).await
    }

    async fn settle(&self, lease: &Lease, update: &JobUpdate) -> Result<bool, QueueError> {
        self.run(self.queue.settle(lease, update)).await
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
        self.run(self.queue.purge(which, older_than)).await
    }

    /// It ends often while the queue fails, as if connections were lost.
    async fn job_stored(&self) {
        let fails = matches!(*self.fault.lock().unwrap(), Fault::Fails);
        match fails {
            true => tokio::time::sleep(Duration::from_millis(10)).await,
            false => std::future::pending().await,
        }
    }
}

/// Runs a job of `time`, while the queue is down between two times.
async fn run(time: Duration, down_from: Duration, down_until: Duration) -> (SqliteQueue, Vec<String>) {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let flaky = Flaky::new(&queue, Fault::None);
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
    flaky.set(Fault::Fails);
    tokio::time::sleep(down_until - down_from).await;
    flaky.set(Fault::None);
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

/// A worker on a queue with a fault, whose jobs take this time.
fn faulty_worker(
    queue: &SqliteQueue,
    fault: Fault,
    log: &Log,
    time: Duration,
) -> (Flaky, Worker<Flaky, Json<String>, Upstream>) {
    let flaky = Flaky::new(queue, fault);
    let upstream = upstream(move |_| async move {
        tokio::time::sleep(time).await;
        Ok(())
    });
    (flaky.clone(), Worker::new(flaky, Json::<String>::new(), upstream).observe(log_events(log)))
}

#[tokio::test(start_paused = true)]
async fn a_panicking_queue_ends_no_worker() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let (flaky, worker) = faulty_worker(&queue, Fault::Panics, &log, secs(12));
    let running = tokio::spawn(worker.run(tokio::time::sleep(secs(100))));
    tokio::time::sleep(secs(4)).await;
    flaky.set(Fault::None);
    tokio::time::sleep(secs(10)).await;
    // The renewal and the outcome.
    flaky.set(Fault::Panics);
    tokio::time::sleep(secs(5)).await;
    flaky.set(Fault::None);
    running.await.unwrap();
    let lines: Vec<String> = log.lines().into_iter().filter(|line| !line.ends_with("QueueFailed")).collect();
    assert_eq!(lines, ["5 Started", "19 Done"]);
    assert_eq!(state(&queue, "a").await, JobState::Done);
}

#[tokio::test(start_paused = true)]
async fn a_job_isnt_run_if_another_worker_took_it_during_the_claim() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let (flaky, worker) = faulty_worker(&queue, Fault::IsLate(secs(31)), &log, secs(1));
    let running = tokio::spawn(worker.run(tokio::time::sleep(secs(100))));
    tokio::time::sleep(secs(50)).await;
    flaky.set(Fault::None);
    // The purge and the first claim take 31 s each. The claim's lease is over after 30.
    tokio::time::sleep(Duration::from_millis(11_500)).await;
    assert_eq!(queue.claim(1, secs(30)).await.unwrap().jobs.len(), 1, "the other worker");
    running.await.unwrap();
    assert_eq!(log.lines(), ["62 LeaseLost", "91 Started", "92 Done"]);
}

#[tokio::test(start_paused = true)]
async fn a_late_claim_is_renewed_before_its_job_runs() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let (flaky, worker) = faulty_worker(&queue, Fault::IsLate(secs(31)), &log, secs(20));
    let running = tokio::spawn(worker.run(tokio::time::sleep(secs(100))));
    tokio::time::sleep(secs(50)).await;
    flaky.set(Fault::None);
    tokio::time::sleep(secs(15)).await;
    assert!(queue.claim(1, secs(30)).await.unwrap().jobs.is_empty(), "the lease was renewed at 62 s");
    running.await.unwrap();
    assert_eq!(log.lines(), ["62 Started", "82 Done"]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_at_once_after_a_slow_claim() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let (flaky, worker) = faulty_worker(&queue, Fault::IsLate(secs(25)), &log, secs(20));
    let running = tokio::spawn(worker.run(tokio::time::sleep(secs(100))));
    tokio::time::sleep(secs(26)).await;
    flaky.set(Fault::None);
    // The claim at 25 s lasts until 55, and its answer comes at 50.
    tokio::time::sleep(secs(31)).await;
    assert!(queue.claim(1, secs(30)).await.unwrap().jobs.is_empty(), "the lease was renewed at 50 s");
    running.await.unwrap();
    assert_eq!(log.lines(), ["50 Started", "70 Done"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_stops_within_its_grace_if_the_queue_hangs() {
    let (queue, log) = (new_queue().await, Log::new());
    let (flaky, worker) = faulty_worker(&queue, Fault::None, &log, secs(1));
    let running = tokio::spawn(worker.grace(secs(20)).run(tokio::time::sleep(secs(12))));
    tokio::time::sleep(secs(8)).await;
    flaky.set(Fault::Hangs);
    let stopped = tokio::time::timeout(secs(30), running).await;
    stopped.expect("the worker ends").unwrap();
    log.write("ended");
    assert_eq!(log.lines(), ["32 ended"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_doesnt_spin_while_connections_are_lost() {
    let (queue, log) = (new_queue().await, Log::new());
    let (_, worker) = faulty_worker(&queue, Fault::Fails, &log, secs(1));
    worker.run(tokio::time::sleep(secs(18))).await;
    // The first one is the purge's.
    assert_eq!(log.lines(), ["0 QueueFailed", "0 QueueFailed", "5 QueueFailed", "10 QueueFailed", "15 QueueFailed"]);
}
