//! Jobs and their outcomes, for the checks.

use std::time::Duration;

use crate::{
    ClaimedJob, DeadReason, History, HistoryEntry, JobKey, JobState, JobUpdate, NewJob, NextState, Queue, QueueLimits,
};

use super::Harness;

pub(super) const LEASE: Duration = Duration::from_secs(30);

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) fn key(key: &str) -> JobKey {
    JobKey::new(key).expect("the key is valid")
}

pub(super) fn job(name: &str) -> NewJob {
    NewJob::new(key(name), name)
}

pub(super) async fn new_queue<H: Harness>(harness: &H) -> H::Queue {
    harness.queue(QueueLimits::default()).await
}

/// Stores jobs that are due at once.
pub(super) async fn put_all(queue: &impl Queue, keys: &[&str]) {
    for key in keys {
        assert!(queue.put(&job(key)).await.expect("stored").is_new());
    }
}

pub(super) async fn claim(queue: &impl Queue, limit: u32) -> Vec<ClaimedJob> {
    queue.claim(limit, LEASE).await.expect("claimed").jobs
}

/// The keys of the jobs that can be claimed now.
pub(super) async fn claim_keys(queue: &impl Queue, limit: u32) -> Vec<String> {
    let mut keys: Vec<String> = claim(queue, limit).await.iter().map(|job| job.lease.key.to_string()).collect();
    keys.sort();
    keys
}

pub(super) async fn claim_one(queue: &impl Queue) -> ClaimedJob {
    let mut jobs = claim(queue, 1).await;
    assert_eq!(jobs.len(), 1, "one job is due");
    jobs.remove(0)
}

pub(super) fn update(state: NextState, attempts: u32) -> JobUpdate {
    let mut history = History::default();
    history.push(HistoryEntry::new(1, attempts, "retry", "connection refused"));
    JobUpdate { state, attempts, claims: 0, history }
}

pub(super) fn dead(attempts: u32) -> JobUpdate {
    update(NextState::Dead { reason: DeadReason::AttemptsExhausted }, attempts)
}

/// Stores a job for each key, and makes them dead letters in this order, a second apart.
pub(super) async fn put_dead<H: Harness>(harness: &H, queue: &H::Queue, keys: &[&str]) {
    for key in keys {
        put_all(queue, &[key]).await;
        let job = claim_one(queue).await;
        assert!(queue.settle(&job.lease, &dead(4)).await.expect("settled"));
        harness.advance(queue, secs(1)).await;
    }
}

pub(super) async fn state(queue: &impl Queue, name: &str) -> Option<JobState> {
    queue.status(&key(name)).await.expect("a status").map(|status| status.state)
}
