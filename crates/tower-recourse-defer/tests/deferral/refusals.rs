//! Requests that can't be stored: the caller gets the original error and the reason.

use std::{io, time::Duration};

use serde::{Serialize, Serializer};
use tower::{Layer, service_fn};
use tower_recourse::{Cause, FallbackError, FallbackLayer, RetryConfig, RetryLayer, Verdict};
use tower_recourse_defer::{
    Clock, DeadReason, DeferError, Deferral, HistoryEntry, JobUpdate, Json, NextState, Queue, QueueError, QueueLimits,
    codec::Encode, sqlite::SqliteQueue,
};

use crate::storing::{key, later, new_queue};

/// Calls a front whose primary fails.
async fn defer<E>(queue: &SqliteQueue, encode: E, request: u32) -> Result<String, FallbackError<io::Error, DeferError>>
where
    E: Encode<u32> + Send + Sync + 'static,
{
    let front = FallbackLayer::with(Deferral::new(queue.clone(), encode, later))
        .layer(service_fn(|_: u32| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) }));
    front.oneshot(request).await
}

fn reason(error: FallbackError<io::Error, DeferError>) -> DeferError {
    let FallbackError::Both { primary, backup, .. } = error else { panic!("the backup was called") };
    assert_eq!(primary.kind(), io::ErrorKind::ConnectionRefused, "the original error");
    backup
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_the_reason() {
    let limits = QueueLimits::default().max_jobs(1);
    let queue = SqliteQueue::options().limits(limits).open_in_memory().await.unwrap();
    defer(&queue, Json::new(), 1).await.unwrap();
    let error = defer(&queue, Json::new(), 2).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "connection refused, and the fallback failed: not deferred, because the queue is full: it holds 1 jobs, \
         which is its limit"
    );
    assert!(matches!(reason(error), DeferError::Queue(QueueError::Full { limit: 1 })));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_gone_is_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let queue = SqliteQueue::options().clock(Clock::tokio()).open(&file).await.unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("drop table recourse_jobs").unwrap();
    assert!(matches!(
        reason(defer(&queue, Json::new(), 1).await.unwrap_err()),
        DeferError::Queue(QueueError::Database(_))
    ));
}

#[tokio::test]
async fn a_queue_that_hangs_is_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.db");
    let queue = SqliteQueue::options().open(&file).await.unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let deferral = Deferral::new(queue, Json::new(), later).timeout(Duration::from_millis(20));
    let front = FallbackLayer::with(deferral)
        .layer(service_fn(|_: u32| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) }));
    assert!(matches!(reason(front.oneshot(1).await.unwrap_err()), DeferError::TimedOut));
    // Lets the blocked operation end.
    other.execute_batch("rollback").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_of_the_same_key_is_the_reason() {
    let queue = new_queue().await;
    let encode = || Json::keyed_by(|order: &u32| format!("order-{order}"));
    defer(&queue, encode(), 1).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let job = queue.claim(1, Duration::from_secs(30)).await.unwrap().jobs.remove(0);
    let mut history = job.history.clone();
    history.push(HistoryEntry::new(0, 2, "dead", "down"));
    let state = NextState::Dead { reason: DeadReason::Permanent };
    queue.settle(&job.lease, &JobUpdate { state, attempts: 2, claims: 0, history }).await.unwrap();
    let error = reason(defer(&queue, encode(), 1).await.unwrap_err());
    assert_eq!(error.to_string(), "not deferred, because the same job failed for good: permanent");
    assert!(queue.requeue(&key("order-1")).await.unwrap());
    assert!(defer(&queue, encode(), 1).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cant_be_encoded_is_the_reason() {
    #[derive(Clone)]
    struct Broken;
    impl Serialize for Broken {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("a\nline"))
        }
    }
    let queue = new_queue().await;
    let front = FallbackLayer::with(Deferral::new(queue.clone(), Json::<Broken>::new(), later))
        .layer(service_fn(|_: Broken| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) }));
    let error = reason(front.oneshot(Broken).await.unwrap_err());
    assert_eq!(error.to_string(), r"not deferred, because the request can't be stored: a\nline");

    let invalid_key = Json::keyed_by(|_: &u32| "with space");
    assert!(matches!(reason(defer(&queue, invalid_key, 1).await.unwrap_err()), DeferError::Codec(_)));
    assert_eq!(queue.counts().await.unwrap().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_isnt_deferred() {
    let queue = new_queue().await;
    let retry = RetryConfig::default().classify_errors(|_: &io::Error| Verdict::permanent());
    let failing = service_fn(|_: u32| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) });
    let deferral = Deferral::new(queue.clone(), Json::new(), later);
    let front = FallbackLayer::with(deferral.clone()).layer(RetryLayer::new(retry.clone()).layer(failing));
    let error = reason(front.oneshot(1).await.unwrap_err());
    assert!(matches!(error, DeferError::NotDeferrable(Cause::Permanent)), "{error}");
    assert_eq!(queue.counts().await.unwrap().waiting, 0);

    let everything = deferral.defer_if(|_| true);
    let front = FallbackLayer::with(everything).layer(RetryLayer::new(retry).layer(failing));
    assert!(front.oneshot(1).await.unwrap().starts_with("later"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_be_processed_isnt_deferred() {
    let queue = new_queue().await;
    let retry = RetryConfig::default().classify_errors(|_: &io::Error| Verdict::transient().unsafe_to_resend());
    let failing = service_fn(|_: u32| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) });
    let front = FallbackLayer::with(Deferral::new(queue.clone(), Json::new(), later))
        .layer(RetryLayer::new(retry).layer(failing));
    let error = reason(front.oneshot(1).await.unwrap_err());
    assert!(matches!(error, DeferError::NotDeferrable(Cause::UnsafeToResend)), "{error}");
    assert_eq!(queue.counts().await.unwrap().waiting, 0);
}
