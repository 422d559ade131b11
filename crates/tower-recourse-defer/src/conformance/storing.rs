//! What a queue stores.

use std::time::Duration;

use crate::{JobState, NewJob, Queue, QueueError, QueueLimits};

use super::{
    Harness,
    jobs::{claim_one, dead, job, key, new_queue, put_all, secs, state},
};

/// A queue may count its jobs once per second.
const COUNTED_FOR: Duration = Duration::from_millis(1_100);

pub(super) async fn a_key_is_stored_once(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    let first = NewJob::new(key("a"), "first").due_in(secs(10));
    assert!(queue.put(&first).await.expect("stored").is_new());
    let second = queue.put(&NewJob::new(key("a"), "second")).await.expect("stored");
    assert_eq!((second.is_new(), second.key()), (false, &key("a")));
    assert!(matches!(state(&queue, "a").await, Some(JobState::Waiting { due_in }) if due_in > secs(5)));
    harness.advance(&queue, secs(10)).await;
    let claimed = claim_one(&queue).await;
    assert_eq!(claimed.payload, b"first");
    // Neither a running nor a dead job is stored again.
    assert!(!queue.put(&job("a")).await.expect("stored").is_new());
    assert!(queue.settle(&claimed.lease, &dead(4)).await.expect("settled"));
    assert!(!queue.put(&job("a")).await.expect("stored").is_new());
}

pub(super) async fn a_payload_is_stored_unchanged(harness: &impl Harness) {
    let queue = new_queue(harness).await;
    let payload: Vec<u8> = (0..=255).collect();
    let failure = "'); drop table jobs; --\u{0}\u{1b}";
    let job = NewJob::new(key("k';--"), payload.clone()).failed(1, failure);
    queue.put(&job).await.expect("stored");
    let claimed = claim_one(&queue).await;
    assert_eq!((claimed.payload, claimed.attempts, claimed.claims), (payload, 1, 1));
    let why = &claimed.history.entries()[0].why;
    assert!(why.contains("drop table") && !why.contains('\u{1b}'), "{why}");
    assert_eq!(queue.put(&NewJob::new(key("empty"), "")).await.map(|receipt| receipt.is_new()).ok(), Some(true));
    assert_eq!(claim_one(&queue).await.payload, b"");
}

pub(super) async fn a_payload_that_is_too_long_is_refused(harness: &impl Harness) {
    let queue = harness.queue(QueueLimits::default().max_payload(3)).await;
    let error = queue.put(&NewJob::new(key("a"), "abcd")).await.expect_err("too long");
    assert!(matches!(&error, QueueError::Invalid(invalid) if invalid.field() == "payload"), "{error}");
    assert_eq!(state(&queue, "a").await, None);
    assert!(queue.put(&NewJob::new(key("a"), "abc")).await.is_ok());
}

pub(super) async fn a_full_queue_refuses_new_keys(harness: &impl Harness) {
    let queue = harness.queue(QueueLimits::default().max_jobs(2)).await;
    put_all(&queue, &["a", "b"]).await;
    let error = queue.put(&job("c")).await.expect_err("full");
    assert!(matches!(error, QueueError::Full { limit: 2 }), "{error}");
    assert!(!queue.put(&job("a")).await.expect("known").is_new());
    assert_eq!(state(&queue, "c").await, None);
    // A dead letter takes room, a done job doesn't. The count may be a second old.
    let claimed = claim_one(&queue).await;
    assert!(queue.settle(&claimed.lease, &dead(4)).await.expect("settled"));
    tokio::time::sleep(COUNTED_FOR).await;
    assert!(queue.put(&job("c")).await.is_err());
    let claimed = claim_one(&queue).await;
    assert!(queue.settle(&claimed.lease, &super::jobs::update(crate::NextState::Done, 1)).await.expect("settled"));
    tokio::time::sleep(COUNTED_FOR).await;
    assert!(queue.put(&job("c")).await.expect("stored").is_new());
}
