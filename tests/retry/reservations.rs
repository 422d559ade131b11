//! Before a retry waits, it releases what the service reserved in `poll_ready`.

use std::{
    future::{Ready, pending, ready},
    sync::Arc,
};

use tokio::{
    sync::Semaphore,
    time::{advance, sleep, timeout},
};
use tokio_test::{assert_pending, assert_ready_err, task};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt,
    buffer::Buffer,
    limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer},
    service_fn,
};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Classifier, RetryConfig, RetryLayer, State, Verdict,
    breaker::TripRule,
    classify::ErrorClassifier,
    retry::{Backoff, TimeoutFromElapsed, Timeouts},
    time::Instant,
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

fn fails((): ()) -> Ready<Result<(), BoxError>> {
    ready(Err("down".into()))
}

/// One second per attempt, ten seconds between two attempts.
fn config() -> RetryConfig<ErrorClassifier, TimeoutFromElapsed> {
    RetryConfig::default().idempotent().backoff(Backoff::fixed(secs(10))).timeouts(Timeouts::attempt(secs(1)))
}

/// Whether the service gets ready within a second.
async fn gets_ready<S: Service<()>>(mut service: S) -> bool {
    timeout(secs(1), service.ready()).await.is_ok_and(|ready| ready.is_ok())
}

/// Polls the service ready and returns it. The ready service holds a place until it is dropped.
async fn holding<S: Service<()>>(mut service: S) -> S {
    assert!(service.ready().await.is_ok());
    service
}

/// tower#408, zebra#1593: the semaphore assigned the free place to an attempt that had timed out.
/// No other caller could use the place until the next attempt began.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_timed_out_leaves_the_queue() {
    let limit = ConcurrencyLimit::new(service_fn(fails), 1);
    let mut retry = RetryLayer::new(config()).layer(limit.clone());
    let caller = tokio::spawn(retry.call_when_ready(()));
    sleep(secs(5)).await;
    let holder = holding(limit.clone()).await;
    // The second attempt waits from 10 s to 11 s, the third one begins at 21 s. The place is free
    // from 15 s on.
    sleep(secs(10)).await;
    drop(holder);
    assert!(gets_ready(limit).await, "another caller gets the place during the backoff");
    assert!(caller.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_place_granted_too_late_is_free_at_once() {
    let limit = ConcurrencyLimit::new(service_fn(fails), 1);
    let mut call = task::spawn(RetryLayer::new(config()).layer(limit.clone()).call_when_ready(()));
    assert_pending!(call.poll(), "the backoff after the first attempt");
    let holder = holding(limit.clone()).await;
    advance(ms(10_500)).await;
    assert_pending!(call.poll(), "the second attempt waits for the place");
    drop(holder);
    advance(secs(2)).await;
    assert_pending!(call.poll(), "it gets the place, but its time has passed");
    assert!(gets_ready(limit).await);
}

/// tower's limits reserve a place before they poll the inner service.
#[tokio::test(start_paused = true)]
async fn a_place_is_free_after_readiness_failed() {
    let places = Arc::new(Semaphore::new(1));
    let mut retry = ServiceBuilder::new()
        .layer(RetryLayer::new(config()))
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(places.clone()))
        .map_err(BoxError::from)
        .service(Script::new([readiness_error(Oops(1)), readiness_error(Oops(2)), succeed("late")]));
    let caller = tokio::spawn(retry.call_when_ready(()));
    sleep(secs(5)).await;
    assert_eq!(places.available_permits(), 1, "in the first backoff");
    sleep(secs(10)).await;
    assert_eq!(places.available_permits(), 1, "in the second backoff");
    assert_eq!(caller.await.unwrap().unwrap(), "late");
}

/// The two services share the limit and nothing else.
#[tokio::test(start_paused = true)]
async fn services_behind_one_limit_do_not_block_each_other() {
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let mut flaky = RetryLayer::new(config()).layer(limit.layer(service_fn(fails)));
    let mut other = limit.layer(service_fn(|()| async {
        sleep(secs(2)).await;
        Ok::<_, BoxError>(())
    }));
    let caller = tokio::spawn(flaky.call_when_ready(()));
    for _ in 0..20 {
        assert!(timeout(secs(3), ready_and_call(&mut other, ())).await.is_ok());
    }
    assert!(caller.await.unwrap().is_err());
}

/// The buffer's worker holds the first message and waits for the service. The second message has
/// the buffer's only slot, and the next attempt waits for that slot.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_timed_out_leaves_a_full_buffer() {
    let limit = ConcurrencyLimit::new(service_fn(fails), 1);
    let buffer = Buffer::new(limit.clone(), 1);
    let holder = holding(limit).await;
    let mut retry = RetryLayer::new(config()).layer(buffer.clone());
    let caller = tokio::spawn(retry.call_when_ready(()));
    sleep(secs(5)).await;
    let mut other = buffer.clone();
    let queued = tokio::spawn(other.call_when_ready(()));
    // The second attempt waits from 11 s to 12 s, the third one begins at 22 s.
    sleep(secs(10)).await;
    drop(holder);
    assert_eq!(queued.await.unwrap().unwrap_err().to_string(), "down");
    assert!(gets_ready(buffer).await, "another caller gets the slot during the backoff");
    assert!(caller.await.unwrap().is_err());
}

/// A classifier that gives every request the same deadline, which has passed.
#[derive(Clone)]
struct AlwaysLate(Instant);

impl Classifier<(), (), BoxError> for AlwaysLate {
    type Memo = ();

    fn memo(&self, (): &()) {}

    fn classify(&self, (): &(), outcome: Result<&(), &BoxError>) -> Verdict {
        Classifier::<(), _, _>::classify(&ErrorClassifier, &(), outcome)
    }

    fn deadline(&self, (): &()) -> Option<Instant> {
        Some(self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_past_its_deadline_returns_its_place() {
    let limit = ConcurrencyLimit::new(service_fn(fails), 1);
    let config = config().classifier(AlwaysLate(Instant::now()));
    advance(secs(1)).await;
    let mut call = task::spawn(RetryLayer::new(config).layer(limit.clone()).call_when_ready(()));
    assert!(assert_ready_err!(call.poll()).is::<tower_recourse::Elapsed>());
    assert!(gets_ready(limit).await, "also while the finished future is kept");
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_while_a_request_is_prepared() {
    let limit = ConcurrencyLimit::new(service_fn(fails), 1);
    let config = RetryConfig::default().idempotent().backoff(Backoff::fixed(secs(10)));
    let mut retry = RetryLayer::new(config).before_resend(|(): (), _| pending()).layer(limit.clone());
    let caller = tokio::spawn(retry.call_when_ready(()));
    sleep(secs(11)).await;
    assert!(gets_ready(limit).await);
    caller.abort();
}

/// A breaker that waits instead of rejecting holds a permit of its circuit when it is ready. In a
/// half-open circuit, this is the slot of a probe.
#[tokio::test(start_paused = true)]
async fn a_probe_slot_granted_too_late_is_free_at_once() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().open_when(TripRule::consecutive(1).unwrap()));
    let breaker = BreakerLayer::on(&circuit).wait_when_open().layer(service_fn(fails));
    let mut call = task::spawn(RetryLayer::new(config()).layer(breaker.clone()).call_when_ready(()));
    assert_pending!(call.poll(), "the backoff after the first attempt");
    advance(ms(10_500)).await;
    assert_pending!(call.poll(), "the second attempt waits for the circuit");
    advance(secs(60)).await;
    assert_pending!(call.poll(), "it may probe, but its time has passed");
    assert_eq!(circuit.state(), State::HalfOpen);
    assert!(gets_ready(breaker).await, "another caller gets the slot");
}
