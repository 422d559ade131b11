//! A service may reserve something in `poll_ready`. The breaker returns the reservation if the
//! circuit then rejects the call.

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response};
use http_body_util::Empty;
use tokio::sync::Semaphore;
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{
    Layer, Service, ServiceBuilder,
    limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer},
    service_fn,
    util::BoxService,
};
use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, FallbackLayer, State, http::BodyBreakerLayer};

use crate::fixed_numbers::FixedNumbers as _;
use crate::{circuits::*, scripted::*};

const HALF_A_MINUTE: Duration = secs(30);

/// A limit of one place, and the semaphore that shows whether the place is free.
fn place() -> (Arc<Semaphore>, GlobalConcurrencyLimitLayer) {
    let place = Arc::new(Semaphore::new(1));
    (Arc::clone(&place), GlobalConcurrencyLimitLayer::with_semaphore(place))
}

fn succeeds((): ()) -> Ready<Result<u16, Oops>> {
    ready(Ok(200))
}

fn closed() -> Circuit {
    Circuit::new(counted().open_when(first_failure()))
}

/// Polls readiness once, with a waker that does nothing.
fn poll<S: Service<()>>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

/// Polls readiness in a task.
fn poll_in_task<S: Service<()> + Unpin>(task: &mut task::Spawn<S>) -> Poll<Result<(), S::Error>> {
    task.enter(|cx, service| service.get_mut().poll_ready(cx))
}

#[tokio::test(start_paused = true)]
async fn a_call_rejected_after_readiness_returns_its_place() {
    let (circuit, (place, limit)) = (closed(), place());
    let mut service = BreakerLayer::on(&circuit).layer(limit.layer(service_fn(succeeds))).clone();
    assert!(poll(&mut service).is_ready());
    assert_eq!(place.available_permits(), 0);
    open(&circuit);
    assert!(service.call(()).await.unwrap_err().rejection().is_some());
    assert_eq!(place.available_permits(), 1);
    // The service is polled again before the next call.
    tokio::time::advance(HALF_A_MINUTE).await;
    assert_eq!((ready_and_call(&mut service, ()).await.unwrap(), circuit.state()), (200, State::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_ready_service_polled_while_open_returns_its_place() {
    let (circuit, (place, limit)) = (closed(), place());
    let mut service = BreakerLayer::on(&circuit).layer(limit.layer(service_fn(succeeds))).clone();
    assert!(poll(&mut service).is_ready());
    open(&circuit);
    assert!(poll(&mut service).is_ready());
    assert_eq!(place.available_permits(), 1, "before the call");
}

/// If a rejected call stayed in the semaphore's queue, the semaphore would assign it the next free
/// place.
#[tokio::test(start_paused = true)]
async fn a_rejected_call_leaves_the_queue() {
    let (circuit, (place, limit)) = (closed(), place());
    let service = BreakerLayer::on(&circuit).layer(limit.layer(service_fn(succeeds)));
    let holder = place.clone().acquire_owned().await.unwrap();
    let mut queued = task::spawn(service.clone());
    assert_pending!(poll_in_task(&mut queued));
    open(&circuit);
    assert!(poll(&mut *queued).is_ready(), "it rejects at once");
    drop(holder);
    assert_eq!(place.available_permits(), 1);
}

/// To return a place, the breaker replaces its service with a clone. It stores the function that
/// clones the service when the breaker itself is first cloned.
#[tokio::test(start_paused = true)]
async fn a_cloned_service_returns_its_place_too() {
    let (circuit, (place, limit)) = (closed(), place());
    let mut service = BreakerLayer::on(&circuit).layer(limit.layer(service_fn(succeeds)));
    drop(service.clone());
    assert!(poll(&mut service).is_ready());
    open(&circuit);
    assert!(service.call(()).await.unwrap_err().rejection().is_some());
    assert_eq!(place.available_permits(), 1);
}

/// tower has no method that undoes readiness, so the service keeps its place for the next admitted
/// call.
#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_clone_keeps_its_place() {
    let (circuit, (place, limit)) = (closed(), place());
    let boxed = BoxService::new(limit.layer(service_fn(succeeds)));
    let mut service = BreakerLayer::on(&circuit).layer(boxed);
    assert!(poll(&mut service).is_ready());
    open(&circuit);
    assert!(service.call(()).await.unwrap_err().rejection().is_some());
    assert_eq!(place.available_permits(), 0);
    tokio::time::advance(HALF_A_MINUTE).await;
    assert_eq!(ready_and_call(&mut service, ()).await.unwrap(), 200);
    assert_eq!(place.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_waits_keeps_no_place() {
    let (circuit, (place, limit)) = (closed(), place());
    let service = BreakerLayer::on(&circuit).wait_when_open().layer(limit.layer(service_fn(succeeds)));
    let holder = place.clone().acquire_owned().await.unwrap();
    let mut waiting = task::spawn(service.clone());
    assert_pending!(poll_in_task(&mut waiting));
    open(&circuit);
    drop(holder);
    assert!(waiting.is_woken());
    assert_pending!(poll_in_task(&mut waiting));
    assert_eq!(place.available_permits(), 1, "while it waits for the circuit");
    tokio::time::advance(HALF_A_MINUTE).await;
    assert_ready_ok!(poll_in_task(&mut waiting));
    assert_eq!((waiting.call(()).await, place.available_permits()), (Ok(200), 1));
}

#[tokio::test(start_paused = true)]
async fn a_keyed_breaker_that_rejects_keeps_no_place() {
    let (place, limit) = place();
    let fails = service_fn(|_: &str| ready(Err::<(), _>(Oops(1))));
    let layer = BreakerLayer::keyed(counted().open_when(first_failure()), |key: &&'static str| *key);
    let mut service = layer.layer(limit.layer(fails)).clone();
    assert!(ready_and_call(&mut service, "down").await.is_err());
    assert!(ready_and_call(&mut service, "down").await.unwrap_err().rejection().is_some());
    assert_eq!(place.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_breaker_that_rejects_keeps_no_place() {
    let (place, limit) = place();
    let circuit = Circuit::new(BreakerConfig::http().fixed_share());
    let server = service_fn(|_: Request<()>| ready(Ok::<_, Oops>(Response::new(Empty::<bytes::Bytes>::new()))));
    let mut service = BodyBreakerLayer::on(&circuit).layer(limit.layer(server)).clone();
    assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    circuit.force_open();
    assert!(service.call(Request::new(())).await.unwrap_err().rejection().is_some());
    assert_eq!(place.available_permits(), 1);
}

/// tower's limits reserve a place before they poll the inner service.
#[tokio::test(start_paused = true)]
async fn a_service_that_fails_to_get_ready_keeps_no_place() {
    let (circuit, (place, limit)) = (closed(), place());
    let inner = limit.layer(Script::<_, u16, Oops>::new([readiness_error(Oops(1)), succeed(200)]));
    let mut service = BreakerLayer::on(&circuit).layer(inner).clone();
    assert!(poll(&mut service).is_ready());
    assert_eq!(place.available_permits(), 1, "before the call that fails");
    assert_eq!(service.call(()).await.unwrap_err().into_inner(), Some(Oops(1)));
    assert_eq!((place.available_permits(), circuit.state()), (1, State::Open));
}

/// The backup may be behind the same limit as the primary.
#[tokio::test(start_paused = true)]
async fn a_primary_that_fails_to_get_ready_frees_its_place() {
    let limit = ConcurrencyLimit::new(Script::new([readiness_error(Oops(1)), succeed(200)]), 1);
    let mut service = FallbackLayer::new(limit.clone()).layer(limit).clone();
    let answered = tokio::time::timeout(secs(1), ready_and_call(&mut service, ())).await;
    assert!(matches!(answered, Ok(Ok(200))), "{answered:?}");
}

/// All callers use clones of one stack, and the circuit opens while they wait for a place.
#[tokio::test(start_paused = true)]
async fn callers_of_an_open_circuit_do_not_block_others() {
    let (circuit, (place, limit)) = (closed(), place());
    let mut other = ServiceBuilder::new().layer(limit.clone()).service_fn(succeeds);
    let service = BreakerLayer::on(&circuit).layer(limit.layer(service_fn(succeeds)));
    let holder = place.acquire_owned().await.unwrap();
    let mut queued: Vec<_> = (0..3).map(|_| task::spawn(service.clone())).collect();
    for caller in &mut queued {
        assert_pending!(poll_in_task(caller));
    }
    open(&circuit);
    drop(holder);
    // The free place wakes the first caller. Its call is rejected, and the caller keeps the
    // service.
    for caller in &mut queued {
        if caller.is_woken() {
            assert!(poll(&mut **caller).is_ready());
        }
    }
    let answered = tokio::time::timeout(secs(1), ready_and_call(&mut other, ())).await;
    assert_eq!(answered, Ok(Ok(200)));
}
