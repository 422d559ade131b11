//! The details that the events of a retry contain: the failure and the limit of
//! attempts.

use std::io;

use tower::{BoxError, Layer, service_fn};
use tower_recourse::{RetryConfig, RetryLayer, observe::Event, retry::Backoff, testing::EventRecorder};

use crate::scripted::*;

/// One retry without a delay, and its events.
fn once() -> (RetryConfig, EventRecorder) {
    let events = EventRecorder::new();
    let config = RetryConfig::default()
        .retries(1)
        .backoff(Backoff::none())
        .idempotent()
        .without_observers()
        .observe(events.clone());
    (config, events)
}

fn refused() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionRefused)
}

const SCHEDULED: &str = r#"RetryScheduled attempt=1 delay=0ns failure=transient error="connection refused""#;
const STOPPED: &str = r#"RetryStopped attempt=2 cause=attempts_exhausted failure=transient error="connection refused""#;

#[tokio::test(start_paused = true)]
async fn events_contain_the_error_of_the_failed_attempt() {
    let (config, events) = once();
    let layer = RetryLayer::new(config);
    let server = service_fn(|()| async { Err::<(), _>(refused()) });
    layer.layer(server).oneshot(()).await.unwrap_err();
    assert_eq!(events.take(), [SCHEDULED, STOPPED]);

    layer.run(|_| async { Err::<(), _>(refused()) }).await.unwrap_err();
    assert_eq!(events.take(), [SCHEDULED, STOPPED]);

    layer.run_blocking(|_| Err::<(), _>(refused())).unwrap_err();
    assert_eq!(events.take(), [SCHEDULED, STOPPED]);

    layer.run(|_| async { Err::<(), BoxError>(Box::new(refused())) }).await.unwrap_err();
    assert_eq!(events.take(), [SCHEDULED, STOPPED]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_error_is_described_by_its_type() {
    let (config, events) = once();
    RetryLayer::new(config).run(|_| async { Err::<(), _>(Oops(1)) }).await.unwrap_err();
    assert!(events.lines()[0].contains("Oops\""), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn events_contain_the_limit_of_attempts() {
    let (config, events) = once();
    RetryLayer::new(config).run(|_| async { Err::<(), _>(refused()) }).await.unwrap_err();
    let limits: Vec<_> = events
        .events()
        .iter()
        .map(|event| match event.event() {
            Event::RetryScheduled { max_attempts, .. } | Event::RetryStopped { max_attempts, .. } => max_attempts,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(limits, [Some(2), Some(2)]);
}
