//! What a front stores, and when it is due.

use std::{io, time::Duration};

use tower::{Layer, ServiceBuilder, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, FallbackLayer, RetryConfig, RetryLayer, breaker::OpenDuration,
};
use tower_recourse_defer::{Clock, Deferral, JobKey, JobState, Json, Queue, Receipt, Worker, sqlite::SqliteQueue};

pub(crate) async fn new_queue() -> SqliteQueue {
    SqliteQueue::options().clock(Clock::tokio()).open_in_memory().await.unwrap()
}

pub(crate) fn later(receipt: &Receipt) -> String {
    format!("later: {}", receipt.key())
}

pub(crate) fn key(key: &str) -> JobKey {
    JobKey::new(key).unwrap()
}

async fn waits_for(queue: &SqliteQueue, name: &str) -> Duration {
    match queue.status(&key(name)).await.unwrap().unwrap().state {
        JobState::Waiting { due_in } => due_in,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_request_is_stored_and_sent_later() {
    let queue = new_queue().await;
    let encode = Json::keyed_by(|order: &u32| format!("order-{order}"));
    let mut front = ServiceBuilder::new()
        .layer(FallbackLayer::with(Deferral::new(queue.clone(), encode.clone(), later)))
        .layer(RetryLayer::new(RetryConfig::default().idempotent().retries(1)))
        .service(service_fn(|_: u32| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) }));
    assert_eq!(front.ready().await.unwrap().call(17).await.unwrap(), "later: order-17");
    assert_eq!(waits_for(&queue, "order-17").await, Duration::from_secs(10));
    let status = queue.status(&key("order-17")).await.unwrap().unwrap();
    assert_eq!(status.attempts, 1, "the inner retries are one attempt of the job");
    assert_eq!(status.history.entries()[0].why, "all 2 attempts failed: connection refused");

    let sent = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let received = std::sync::Arc::clone(&sent);
    let upstream = service_fn(move |order: u32| {
        received.lock().unwrap().push(order);
        async { Ok::<_, io::Error>(()) }
    });
    Worker::new(queue.clone(), encode, upstream).run(tokio::time::sleep(Duration::from_secs(11))).await;
    assert_eq!(*sent.lock().unwrap(), [17]);
    assert_eq!(queue.status(&key("order-17")).await.unwrap().unwrap().state, JobState::Done);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_request_is_due_when_the_circuit_may_close() {
    let queue = new_queue().await;
    let circuit = Circuit::new(BreakerConfig::default().open_for(OpenDuration::fixed(Duration::from_secs(100))));
    while circuit.try_acquire().map(|permit| permit.failure()).is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let encode = Json::keyed_by(|order: &u32| format!("order-{order}"));
    let mut front = ServiceBuilder::new()
        .layer(FallbackLayer::with(Deferral::new(queue.clone(), encode, later)))
        .layer(BreakerLayer::on(&circuit))
        .service(service_fn(|_: u32| async { Ok::<String, io::Error>("unreached".to_owned()) }));
    assert_eq!(front.ready().await.unwrap().call(17).await.unwrap(), "later: order-17");
    assert!(waits_for(&queue, "order-17").await > Duration::from_secs(60));
    assert_eq!(queue.status(&key("order-17")).await.unwrap().unwrap().attempts, 0, "the call wasn't made");
}

#[tokio::test(start_paused = true)]
async fn the_same_key_is_one_job() {
    let queue = new_queue().await;
    let encode = Json::keyed_by(|order: &u32| format!("order-{order}"));
    let deferral = Deferral::new(queue.clone(), encode, later).first_delay(Duration::from_secs(3));
    let front = FallbackLayer::with(deferral)
        .layer(service_fn(|_: u32| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) }));
    for _ in 0..3 {
        assert_eq!(front.clone().oneshot(17).await.unwrap(), "later: order-17");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(queue.counts().await.unwrap().waiting, 1);
    assert_eq!(waits_for(&queue, "order-17").await, Duration::ZERO, "the first one counts");
}

#[tokio::test(start_paused = true)]
async fn a_success_stores_nothing() {
    let queue = new_queue().await;
    let front = FallbackLayer::with(Deferral::new(queue.clone(), Json::<u32>::new(), later))
        .layer(service_fn(|order: u32| async move { Ok::<_, io::Error>(format!("done: {order}")) }));
    assert_eq!(front.oneshot(17).await.unwrap(), "done: 17");
    assert_eq!(queue.counts().await.unwrap().waiting, 0);
}
