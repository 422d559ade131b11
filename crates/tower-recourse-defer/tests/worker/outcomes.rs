//! What follows after each kind of outcome.

use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tower_recourse::{
    Verdict,
    retry::{Backoff, RetryQuota, RetrySwitch, TokenBucket},
};
use tower_recourse_defer::{ClaimedJob, DeadReason, JobState, NewJob, Queue, Worker, worker::default_policy};

use crate::fixture::{Log, failing, history, key, new_queue, put, run_for, secs, state, status, upstream, worker};

fn dead(label: &'static str) -> JobState {
    JobState::Dead { reason: DeadReason::from_label(label) }
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_the_job() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, secs(3)).await;
    let calls = log.clone();
    let upstream = upstream(move |name| {
        calls.write(name);
        async { Ok(()) }
    });
    run_for(worker(&queue, upstream), secs(100)).await;
    assert_eq!((log.lines(), state(&queue, "a").await), (vec!["3 a".to_owned()], JobState::Done));
}

#[tokio::test(start_paused = true)]
async fn any_backoff_and_number_of_retries_can_be_set() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let policy = default_policy().retries(4).backoff(Backoff::linear(secs(5), secs(5)));
    worker(&queue, failing(&log, "down")).policy(policy).run(tokio::time::sleep(secs(500))).await;
    assert_eq!(log.lines(), ["0 a", "5 a", "15 a", "30 a", "50 a"]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_the_server_asks_for_is_kept() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let verdict = |_: &io::Error| Verdict::throttled().retry_after_exactly(secs(300));
    let policy = default_policy().retries(1).classify_errors(verdict);
    worker(&queue, failing(&log, "busy")).policy(policy).run(tokio::time::sleep(secs(500))).await;
    assert_eq!(log.lines(), ["0 a", "300 a"]);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_without_success_or_failure_is_a_dead_letter() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let policy = default_policy().classify_errors(|_: &io::Error| Verdict::ClientError);
    worker(&queue, failing(&log, "no such order")).policy(policy).run(tokio::time::sleep(secs(50))).await;
    assert_eq!((log.lines().len(), state(&queue, "a").await), (1, dead("neutral")));
    assert_eq!(status(&queue, "a").await.history.entries()[0].why, "no such order");
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_cant_be_read_is_a_dead_letter() {
    let (queue, log) = (new_queue().await, Log::new());
    for (name, payload) in [("damaged", "{\"half"), ("older", "{\"v\":0}"), ("empty", "")] {
        queue.put(&NewJob::new(key(name), payload)).await.unwrap();
    }
    queue.put(&NewJob::new(key("bytes"), [0xff, 0])).await.unwrap();
    put(&queue, "good", 0, Duration::ZERO).await;
    let calls = log.clone();
    let upstream = upstream(move |name| {
        calls.write(name);
        async { Ok(()) }
    });
    run_for(worker(&queue, upstream), secs(60)).await;
    assert_eq!(log.lines(), ["0 good"]);
    for name in ["damaged", "older", "empty", "bytes"] {
        let status = status(&queue, name).await;
        assert_eq!((status.state, status.attempts), (dead("unreadable"), 0), "{name}");
    }
    // After the program was corrected, the dead letters are run.
    assert_eq!(queue.requeue_all(secs(1)).await.unwrap(), 4);
    let calls = log.clone();
    let decode = |job: &ClaimedJob| Ok::<_, io::Error>(job.lease.key.to_string());
    let upstream = crate::fixture::upstream(move |name| {
        calls.write(name);
        async { Ok(()) }
    });
    Worker::new(queue.clone(), decode, upstream).run(tokio::time::sleep(secs(60))).await;
    assert_eq!((log.lines().len(), queue.counts().await.unwrap().done), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn a_quota_limits_the_retries_of_all_jobs() {
    let (queue, log) = (new_queue().await, Log::new());
    for name in ["a", "b", "c"] {
        put(&queue, name, 0, Duration::ZERO).await;
    }
    let quota = RetryQuota::new().max_total(4);
    let policy = default_policy().quota(&quota, |name: &String| name.clone());
    worker(&queue, failing(&log, "down")).policy(policy).run(tokio::time::sleep(secs(500))).await;
    assert_eq!(log.lines().len(), 3 + 4);
    assert_eq!(queue.counts().await.unwrap().dead, 3);
    assert_eq!(quota.total_retries(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_budget_delays_retries_and_ends_none() {
    let (queue, log) = (new_queue().await, Log::new());
    for name in ["a", "b", "c"] {
        put(&queue, name, 0, Duration::ZERO).await;
    }
    let budget = TokenBucket::retry_ratio(0.0).unwrap().min_per_second(0).initial(1).unwrap();
    let policy = default_policy().retries(1).budget(budget);
    worker(&queue, failing(&log, "down")).policy(policy).run(tokio::time::sleep(secs(500))).await;
    let mut times: Vec<String> = log.lines().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    times.sort();
    assert_eq!(times, ["0", "0", "0", "10", "60", "60"]);
    assert_eq!(queue.counts().await.unwrap().dead, 3);
}

#[tokio::test(start_paused = true)]
async fn retries_that_are_switched_off_make_dead_letters() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 0, Duration::ZERO).await;
    let switch = RetrySwitch::off();
    let policy = default_policy().switch(&switch);
    worker(&queue, failing(&log, "down")).policy(policy).run(tokio::time::sleep(secs(50))).await;
    assert_eq!((log.lines().len(), state(&queue, "a").await), (1, dead("retries_disabled")));
}

#[tokio::test(start_paused = true)]
async fn a_requeued_job_gets_all_its_attempts_again() {
    let (queue, log) = (new_queue().await, Log::new());
    put(&queue, "a", 1, secs(10)).await;
    run_for(worker(&queue, failing(&log, "down")), secs(200)).await;
    assert!(queue.requeue(&key("a")).await.unwrap());
    run_for(worker(&queue, failing(&log, "down")), secs(200)).await;
    assert_eq!(log.lines(), ["10 a", "40 a", "130 a", "200 a", "210 a", "240 a", "330 a"]);
    assert_eq!(history(&queue, "a").await.len(), 8);
}

#[tokio::test(start_paused = true)]
async fn done_jobs_are_purged_after_their_time() {
    let queue = new_queue().await;
    put(&queue, "a", 0, Duration::ZERO).await;
    let calls = std::sync::Arc::new(AtomicU32::new(0));
    let counted = std::sync::Arc::clone(&calls);
    let upstream = upstream(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    });
    let worker = worker(&queue, upstream).keep_done(secs(3_600));
    run_for(worker.clone(), secs(3_000)).await;
    assert_eq!(state(&queue, "a").await, JobState::Done);
    run_for(worker, secs(1_000)).await;
    assert_eq!(queue.status(&key("a")).await.unwrap(), None);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}
