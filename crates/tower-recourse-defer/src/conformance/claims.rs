//! Claims, leases and outcomes.

use std::{sync::Arc, time::Duration};

use crate::{Counts, JobState, NewJob, NextState, Queue};

use super::{
    Harness,
    jobs::{LEASE, claim, claim_keys, claim_one, dead, job, key, new_queue, put_all, secs, state, update},
};

pub(super) async fn due_jobs_are_claimed_in_order(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    for (name, due_in) in [("c", 3), ("a", 1), ("d", 3600), ("b", 2)] {
        queue.put(&NewJob::new(key(name), name).due_in(secs(due_in))).await.expect("stored");
    }
    let none = queue.claim(10, LEASE).await.expect("claimed");
    assert!(none.jobs.is_empty() && none.next_due.is_some_and(|next| next <= secs(1)), "{none:?}");
    harness.advance(&queue, secs(60)).await;
    assert!(queue.counts().await.expect("counts").late.is_some_and(|late| late >= secs(59)));
    assert_eq!(claim_keys(&queue, 2).await, ["a", "b"]);
    let last = queue.claim(10, LEASE).await.expect("claimed");
    assert_eq!(last.jobs.len(), 1);
    assert!(last.next_due.is_some_and(|next| next <= LEASE), "the leases end first: {:?}", last.next_due);
}

pub(super) async fn a_claimed_job_is_claimed_again_after_its_lease(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_all(&queue, &["a"]).await;
    let first = claim_one(&queue).await;
    assert_eq!((state(&queue, "a").await, first.claims), (Some(JobState::Running), 1));
    harness.advance(&queue, LEASE - secs(5)).await;
    assert!(claim(&queue, 10).await.is_empty());
    harness.advance(&queue, secs(10)).await;
    let second = claim_one(&queue).await;
    assert_eq!((second.claims, second.attempts), (2, 0));
    assert!(second.age >= LEASE && first.age < LEASE, "{:?} {:?}", first.age, second.age);
    assert!(second.lease.token > first.lease.token);
}

pub(super) async fn a_renewed_lease_lasts_longer(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_all(&queue, &["a"]).await;
    let claimed = claim_one(&queue).await;
    for _ in 0..3 {
        harness.advance(&queue, secs(20)).await;
        assert!(queue.renew(&claimed.lease, LEASE).await.expect("renewed"));
        assert!(claim(&queue, 10).await.is_empty());
    }
}

pub(super) async fn an_ended_lease_that_no_other_worker_took_is_renewed(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_all(&queue, &["a"]).await;
    let claimed = claim_one(&queue).await;
    harness.advance(&queue, LEASE * 2).await;
    assert!(queue.renew(&claimed.lease, LEASE).await.expect("renewed"));
    assert!(claim(&queue, 10).await.is_empty());
}

pub(super) async fn a_lost_lease_changes_nothing(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_all(&queue, &["a"]).await;
    let stale = claim_one(&queue).await;
    harness.advance(&queue, LEASE * 2).await;
    let valid = claim_one(&queue).await;
    assert!(!queue.renew(&stale.lease, LEASE).await.expect("answered"));
    assert!(!queue.settle(&stale.lease, &dead(4)).await.expect("answered"));
    assert_eq!(state(&queue, "a").await, Some(JobState::Running));
    assert!(queue.settle(&valid.lease, &update(NextState::Done, 1)).await.expect("settled"));
    assert!(!queue.settle(&stale.lease, &dead(4)).await.expect("answered"));
    assert_eq!(state(&queue, "a").await, Some(JobState::Done));
}

pub(super) async fn a_lease_ends_with_its_outcome(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_all(&queue, &["a"]).await;
    let claimed = claim_one(&queue).await;
    let retry = update(NextState::Waiting { due_in: secs(10) }, 1);
    assert!(queue.settle(&claimed.lease, &retry).await.expect("settled"));
    assert!(!queue.settle(&claimed.lease, &retry).await.expect("answered"));
    assert!(!queue.renew(&claimed.lease, LEASE).await.expect("answered"));
    assert!(matches!(state(&queue, "a").await, Some(JobState::Waiting { .. })));
}

pub(super) async fn a_lease_of_a_purged_job_changes_nothing(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_all(&queue, &["a"]).await;
    let suspended = claim_one(&queue).await;
    harness.advance(&queue, LEASE * 2).await;
    let other = claim_one(&queue).await;
    assert!(queue.settle(&other.lease, &update(NextState::Done, 1)).await.expect("settled"));
    harness.advance(&queue, secs(60)).await;
    assert_eq!(queue.purge(crate::Finished::Done, secs(30)).await.expect("purged"), 1);
    put_all(&queue, &["a"]).await;
    let running = claim_one(&queue).await;
    assert!(!queue.settle(&suspended.lease, &dead(4)).await.expect("answered"));
    assert!(queue.renew(&running.lease, LEASE).await.expect("renewed"));
}

pub(super) async fn an_outcome_is_recorded(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_all(&queue, &["a"]).await;
    let claimed = claim_one(&queue).await;
    let retry = update(NextState::Waiting { due_in: Duration::from_millis(9_500) }, 1);
    assert!(queue.settle(&claimed.lease, &retry).await.expect("settled"));
    let status = queue.status(&key("a")).await.expect("a status").expect("stored");
    assert_eq!((status.attempts, &status.history), (1, &retry.history));
    assert!(claim(&queue, 10).await.is_empty());
    harness.advance(&queue, Duration::from_millis(9_600)).await;
    let again = claim_one(&queue).await;
    assert_eq!((again.attempts, again.claims, &again.history), (1, 1, &retry.history));
    // A crash is an outcome that keeps the number of claims.
    let crashed = crate::JobUpdate { claims: 1, ..update(NextState::Waiting { due_in: secs(0) }, 1) };
    assert!(queue.settle(&again.lease, &crashed).await.expect("settled"));
    assert_eq!(claim_one(&queue).await.claims, 2);
}

pub(super) async fn simultaneous_claims_share_no_job(harness: &impl Harness) {
    let queue = Arc::new(new_queue(harness).await);
    let names: Vec<String> = (0..40).map(|number| format!("{number:02}")).collect();
    for name in &names {
        queue.put(&job(name)).await.expect("stored");
    }
    let claims = (0..8).map(|_| {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { claim_keys(&queue, 5).await })
    });
    let mut claimed = Vec::new();
    for task in claims.collect::<Vec<_>>() {
        claimed.extend(task.await.expect("claimed"));
    }
    // A claim may skip jobs that another one is just taking.
    claimed.extend(claim_keys(&queue, 40).await);
    claimed.sort();
    assert_eq!(claimed, names);
    let counts = queue.counts().await.expect("counts");
    assert_eq!(counts, Counts { running: 40, ..counts });
    assert_eq!((counts.waiting, counts.done, counts.dead), (0, 0, 0));
}
