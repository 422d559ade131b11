//! Finished jobs.

use crate::{DeadReason, Finished, JobState, NextState, Queue};

use super::{
    Harness,
    jobs::{claim, claim_keys, claim_one, job, key, new_queue, put_all, put_dead, secs, state, update},
};

pub(super) async fn a_done_job_is_known_until_it_is_purged(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_all(&queue, &["a"]).await;
    let claimed = claim_one(&queue).await;
    assert!(queue.settle(&claimed.lease, &update(NextState::Done, 1)).await.expect("settled"));
    assert_eq!(state(&queue, "a").await, Some(JobState::Done));
    harness.advance(&queue, secs(60)).await;
    assert!(claim(&queue, 10).await.is_empty());
    assert!(!queue.put(&job("a")).await.expect("answered").is_new());
    assert_eq!(queue.purge(Finished::Done, secs(120)).await.expect("purged"), 0);
    assert_eq!(queue.purge(Finished::Dead, secs(30)).await.expect("purged"), 0);
    assert_eq!(queue.purge(Finished::Done, secs(30)).await.expect("purged"), 1);
    assert_eq!(state(&queue, "a").await, None);
    assert!(queue.put(&job("a")).await.expect("stored").is_new());
}

pub(super) async fn dead_letters_are_listed_in_pages(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_dead(harness, &queue, &["c", "a", "b"]).await;
    let page = queue.dead_letters(None, 2).await.expect("a page");
    let keys: Vec<&str> = page.iter().map(|letter| letter.key.as_str()).collect();
    assert_eq!(keys, ["a", "b"]);
    let letter = &page[0];
    assert_eq!((&letter.reason, letter.attempts, &*letter.payload), (&DeadReason::AttemptsExhausted, 4, &b"a"[..]));
    assert_eq!(letter.history.entries().len(), 1);
    assert!(letter.died_at > 0);
    let rest = queue.dead_letters(Some(&key("b")), 2).await.expect("a page");
    assert_eq!(rest.iter().map(|letter| letter.key.as_str()).collect::<Vec<_>>(), ["c"]);
    assert!(claim(&queue, 10).await.is_empty());
    let dead = JobState::Dead { reason: DeadReason::AttemptsExhausted };
    assert_eq!(state(&queue, "a").await, Some(dead));
    assert_eq!(queue.counts().await.expect("counts").dead, 3);
}

pub(super) async fn a_dead_letter_is_requeued(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_dead(harness, &queue, &["a", "b"]).await;
    assert!(queue.requeue(&key("a")).await.expect("requeued"));
    assert!(!queue.requeue(&key("a")).await.expect("answered"), "it isn't dead any more");
    assert!(!queue.requeue(&key("unknown")).await.expect("answered"));
    let claimed = claim_one(&queue).await;
    assert_eq!((claimed.lease.key.as_str(), claimed.attempts, claimed.claims), ("a", 0, 1));
    assert_eq!(claimed.history.entries().len(), 1, "the history stays");
    assert_eq!(queue.dead_letters(None, 10).await.expect("a page").len(), 1);
}

pub(super) async fn all_dead_letters_are_requeued_at_a_rate(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_dead(harness, &queue, &["c", "b", "a"]).await;
    assert_eq!(queue.requeue_all(secs(60)).await.expect("requeued"), 3);
    assert_eq!(claim_keys(&queue, 10).await, ["c"], "the one that died first");
    harness.advance(&queue, secs(62)).await;
    assert_eq!(claim_keys(&queue, 1).await.len(), 1);
    assert_eq!(queue.counts().await.expect("counts").dead, 0);
    assert_eq!(queue.requeue_all(secs(60)).await.expect("requeued"), 0);
}

pub(super) async fn old_dead_letters_are_purged(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    put_dead(harness, &queue, &["a"]).await;
    harness.advance(&queue, secs(3600)).await;
    put_dead(harness, &queue, &["b"]).await;
    assert_eq!(queue.purge(Finished::Dead, secs(600)).await.expect("purged"), 1);
    let left = queue.dead_letters(None, 10).await.expect("a page");
    assert_eq!(left.iter().map(|letter| letter.key.as_str()).collect::<Vec<_>>(), ["b"]);
}
