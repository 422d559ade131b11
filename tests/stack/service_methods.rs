//! The methods `ready`, `call` and `oneshot`, and their futures.

use std::{
    cell::Cell,
    future::{Ready, pending, ready},
    io,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task::spawn};
use tower::{Layer, Service};
use tower_recourse::{
    BreakerConfig, BreakerLayer,
    boundary::{Boundary, BoundaryLayer},
    report::ReportLayer,
    service::{Oneshot, Ready as ServiceReady},
};

/// Is ready at the second poll. Counts its calls and its drops.
#[derive(Debug, Clone, Default)]
struct ReadyLater {
    polls: u32,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicUsize,
    drops: AtomicUsize,
}

impl Service<u32> for ReadyLater {
    type Response = u32;
    type Error = io::Error;
    type Future = Ready<io::Result<u32>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.polls += 1;
        if self.polls < 2 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        assert!(self.polls >= 2, "called before it was ready");
        self.counts.calls.fetch_add(1, Ordering::Relaxed);
        ready(Ok(request))
    }
}

impl Drop for ReadyLater {
    fn drop(&mut self) {
        self.counts.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns an error in place of readiness.
#[derive(Debug, Clone)]
struct NeverReady;

impl Service<u32> for NeverReady {
    type Response = u32;
    type Error = io::Error;
    type Future = Ready<io::Result<u32>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("broken")))
    }

    fn call(&mut self, _: u32) -> Self::Future {
        unreachable!("it is never ready")
    }
}

#[test]
fn ready_waits_and_returns_the_instance_that_is_ready() {
    let mut service = BoundaryLayer.layer(ReadyLater::default());
    let mut is_ready = spawn(service.ready());
    assert_pending!(is_ready.poll());
    assert!(is_ready.is_woken());
    let ready = assert_ready_ok!(is_ready.poll());
    assert_eq!(assert_ready_ok!(spawn(ready.call(7)).poll()), 7);
}

#[test]
fn oneshot_calls_the_instance_that_is_ready_and_drops_it() {
    let inner = ReadyLater::default();
    let counts = Arc::clone(&inner.counts);
    let mut call = spawn(BoundaryLayer.layer(inner).oneshot(7));
    assert_pending!(call.poll());
    assert_eq!((counts.calls.load(Ordering::Relaxed), counts.drops.load(Ordering::Relaxed)), (0, 0));
    assert_eq!(assert_ready_ok!(call.poll()), 7);
    assert_eq!((counts.calls.load(Ordering::Relaxed), counts.drops.load(Ordering::Relaxed)), (1, 1));
}

#[test]
fn a_oneshot_dropped_before_the_call_sends_nothing() {
    let inner = ReadyLater::default();
    let counts = Arc::clone(&inner.counts);
    let mut call = spawn(BoundaryLayer.layer(inner).oneshot(7));
    assert_pending!(call.poll());
    drop(call);
    assert_eq!((counts.calls.load(Ordering::Relaxed), counts.drops.load(Ordering::Relaxed)), (0, 1));
}

#[test]
fn ready_and_oneshot_return_the_readiness_error() {
    let mut service = ReportLayer.layer(NeverReady);
    let error = assert_ready_err!(spawn(service.ready()).poll());
    assert_eq!(error.error.to_string(), "broken");
    let error = assert_ready_err!(spawn(service.oneshot(7)).poll());
    assert_eq!(error.error.to_string(), "broken");
}

#[test]
#[should_panic(expected = "polled after completion")]
fn a_oneshot_that_failed_panics_if_it_is_polled_again() {
    let mut call = spawn(BoundaryLayer.layer(NeverReady).oneshot(7));
    assert_ready_err!(call.poll());
    let _ = call.poll();
}

#[test]
fn dropping_ready_leaves_the_service_usable() {
    let mut service = BoundaryLayer.layer(ReadyLater::default());
    assert_pending!(spawn(service.ready()).poll());
    assert_eq!(assert_ready_ok!(spawn(service.oneshot(7)).poll()), 7);
}

#[test]
fn the_methods_work_with_types_that_are_not_send() {
    let seen = Rc::new(Cell::new(0));
    let service = {
        let seen = Rc::clone(&seen);
        tower::service_fn(move |request: Rc<u32>| {
            seen.set(*request);
            ready(Ok::<_, io::Error>(request))
        })
    };
    let breaker = BreakerLayer::new(BreakerConfig::default().without_observers()).layer(service);
    assert_eq!(*assert_ready!(spawn(breaker.oneshot(Rc::new(7))).poll()).unwrap(), 7);
    assert_eq!(seen.get(), 7);
}

#[test]
fn the_futures_are_send_sync_and_unpin_where_their_parts_are() {
    fn is_all<T: Send + Sync + Unpin>(_: &T) {}
    let mut service = BoundaryLayer.layer(ReadyLater::default());
    is_all(&service.ready());
    is_all(&service.oneshot::<u32, _>(7));
    // The compiler proves these without any bound on the parameters' own traits.
    fn is_send<T: Send>() {}
    is_send::<ServiceReady<'static, Boundary<u8>, Rc<u8>>>();
    is_send::<Oneshot<u8, u8, u8>>();
}

#[tokio::test]
async fn a_pending_call_stays_pending() {
    let service = BoundaryLayer.layer(tower::service_fn(|_: u32| pending::<io::Result<u32>>()));
    assert_pending!(spawn(service.oneshot(7)).poll());
}
