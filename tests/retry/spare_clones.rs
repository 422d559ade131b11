//! Which instance of the service makes the later attempts, and how often the retry clones the
//! service for them.

use std::{
    future::{Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

use tokio_test::task;
use tower::{Layer, Service, service_fn};
use tower_recourse::{
    RetryConfig, RetryLayer,
    retry::{Backoff, Retry},
};

use crate::scripted::*;

fn without_delay() -> RetryConfig {
    RetryConfig::default().idempotent().backoff(Backoff::none()).without_budget()
}

/// A service that runs `on_clone` when it is cloned. Its next `failures` calls fail; all instances
/// share that number.
struct Cloning {
    on_clone: Arc<dyn Fn() + Send + Sync>,
    failures: Arc<AtomicU32>,
    /// The calls of this instance and of those that it was cloned from.
    calls: u32,
}

impl Cloning {
    fn new(on_clone: impl Fn() + Send + Sync + 'static) -> (Self, Arc<AtomicU32>) {
        let failures = Arc::new(AtomicU32::new(0));
        (Self { on_clone: Arc::new(on_clone), failures: Arc::clone(&failures), calls: 0 }, failures)
    }
}

impl Clone for Cloning {
    fn clone(&self) -> Self {
        (self.on_clone)();
        Self { on_clone: self.on_clone.clone(), failures: Arc::clone(&self.failures), calls: self.calls }
    }
}

impl Service<()> for Cloning {
    type Response = u32;
    type Error = Oops;
    type Future = Ready<Result<u32, Oops>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Oops>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        self.calls += 1;
        let fails = self.failures.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        ready(if fails { Err(Oops(self.calls)) } else { Ok(self.calls) })
    }
}

fn counted() -> (Arc<AtomicU32>, impl Fn() + Send + Sync + 'static) {
    let clones = Arc::new(AtomicU32::new(0));
    (Arc::clone(&clones), move || {
        clones.fetch_add(1, SeqCst);
    })
}

#[tokio::test(start_paused = true)]
async fn a_call_that_succeeds_clones_nothing() {
    let (clones, on_clone) = counted();
    let mut service = RetryLayer::new(without_delay()).layer(Cloning::new(on_clone).0);
    ready_and_call(&mut service, ()).await.unwrap();
    assert_eq!(clones.load(SeqCst), 1, "one for all calls");
    let mut clone = service.clone();
    assert_eq!(clones.load(SeqCst), 2);
    for _ in 0..10 {
        ready_and_call(&mut service, ()).await.unwrap();
        ready_and_call(&mut clone, ()).await.unwrap();
    }
    assert_eq!(clones.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_request_clones_once_for_all_its_retries() {
    let (clones, on_clone) = counted();
    let (inner, failures) = Cloning::new(on_clone);
    let mut service = RetryLayer::new(without_delay()).layer(inner);
    failures.store(3, SeqCst);
    ready_and_call(&mut service, ()).await.unwrap();
    assert_eq!(clones.load(SeqCst), 2, "the spare clone, and a clone of it");
}

/// As in tower's retry, later attempts use the state in which the previous attempt left the
/// service.
#[tokio::test(start_paused = true)]
async fn a_retry_has_the_state_of_the_previous_attempt() {
    let mut calls = 0;
    let counting = service_fn(move |()| {
        calls += 1;
        ready(if calls < 3 { Err(Oops(calls)) } else { Ok(calls) })
    });
    assert_eq!(ready_and_call(&mut RetryLayer::new(without_delay()).layer(counting), ()).await, Ok(3));
}

/// Retries replace the spare clone. For example, once a client has reconnected, later requests
/// don't retry on the old connection.
#[tokio::test(start_paused = true)]
async fn a_retry_leaves_a_fresh_clone_to_the_next_one() {
    let (inner, failures) = Cloning::new(|| ());
    let mut service = RetryLayer::new(without_delay()).layer(inner);
    failures.store(1, SeqCst);
    assert_eq!(ready_and_call(&mut service, ()).await, Ok(2), "after one call");
    for _ in 0..8 {
        ready_and_call(&mut service, ()).await.unwrap();
    }
    failures.store(1, SeqCst);
    let response = ready_and_call(&mut service, ()).await.unwrap();
    assert!(response > 2, "the spare of the first call was replaced, so it has had more than one: {response}");
}

/// The tests name this type, because the compiler must know it before a call of `clone`.
type Retried = Retry<Cloning, RetryConfig>;

/// A slow `Clone` delays the requests that need a clone, but blocks no thread.
#[tokio::test]
async fn a_request_waits_as_a_task_while_another_clones() {
    let (entered, begun) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    let left = Mutex::new(left);
    let is_slow = Arc::new(AtomicBool::new(false));
    let slow = Arc::clone(&is_slow);
    let on_clone = move || {
        if slow.swap(false, SeqCst) {
            entered.send(()).unwrap();
            left.lock().unwrap().recv().unwrap();
        }
    };
    let (inner, failures) = Cloning::new(on_clone);
    let mut service: Retried = RetryLayer::new(without_delay()).layer(inner);
    ready_and_call(&mut service, ()).await.unwrap();
    let mut other = service.clone();
    failures.store(2, SeqCst);
    is_slow.store(true, SeqCst);
    let first = service.call_when_ready(());
    let cloning = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(first)
    });
    begun.recv().unwrap();
    let mut waits = task::spawn(other.call_when_ready(()));
    assert!(waits.poll().is_pending(), "the call doesn't block");
    leave.send(()).unwrap();
    assert!(cloning.join().unwrap().is_ok());
    assert!(waits.is_woken());
    assert!(waits.await.is_ok());
}

struct Woken {
    times: AtomicU32,
    panics: bool,
}

impl Woken {
    fn new(panics: bool) -> Arc<Self> {
        Arc::new(Self { times: AtomicU32::new(0), panics })
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.times.fetch_add(1, SeqCst);
        assert!(!self.panics, "by design");
    }
}

/// Polls two requests `polls` times each, each with its own waker, while another request clones the
/// service.
fn two_wait_while_one_clones(wakers: &[Arc<Woken>; 2], polls: u32) {
    let (entered, begun) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    let left = Mutex::new(left);
    let is_slow = Arc::new(AtomicBool::new(false));
    let slow = Arc::clone(&is_slow);
    let (inner, failures) = Cloning::new(move || {
        if slow.swap(false, SeqCst) {
            entered.send(()).unwrap();
            left.lock().unwrap().recv().unwrap();
        }
    });
    let mut service: Retried = RetryLayer::new(without_delay()).layer(inner);
    failures.store(3, SeqCst);
    let [mut first, second, third] = [(); 3].map(|()| Box::pin(service.call(())));
    is_slow.store(true, SeqCst);
    let cloning = thread::spawn(move || first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    begun.recv().unwrap();
    let mut waiting = [second, third];
    for _ in 0..polls {
        for (request, waker) in waiting.iter_mut().zip(wakers) {
            let waker = Waker::from(Arc::clone(waker));
            assert!(request.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    // The test holds one reference, and the spare clone another.
    assert!(wakers.iter().all(|waker| Arc::strong_count(waker) == 2), "a waker is kept once");
    leave.send(()).unwrap();
    assert!(cloning.join().unwrap());
    for request in &mut waiting {
        assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    }
}

#[test]
fn a_waker_that_panics_leaves_no_other_request_asleep() {
    let wakers = [true, false].map(Woken::new);
    two_wait_while_one_clones(&wakers, 1);
    assert!(wakers.iter().all(|waker| waker.times.load(SeqCst) == 1));
}

#[test]
fn a_request_polled_again_while_it_waits_is_woken_once() {
    let wakers = [false, false].map(Woken::new);
    two_wait_while_one_clones(&wakers, 100);
    assert!(wakers.iter().all(|waker| waker.times.load(SeqCst) == 1));
}

/// No lock is held while a service is cloned.
#[tokio::test(start_paused = true)]
async fn a_service_may_be_used_while_it_is_cloned() {
    let shared: Arc<Mutex<Option<Retried>>> = Arc::default();
    let uses = Arc::clone(&shared);
    let on_clone = move || {
        // `take`, so that only one clone uses the service.
        let Some(mut service) = uses.lock().unwrap().take() else { return };
        assert!(task::spawn(service.call_when_ready(())).poll().is_pending(), "it waits for the same spare");
    };
    let (inner, failures) = Cloning::new(on_clone);
    let mut service: Retried = RetryLayer::new(without_delay()).layer(inner);
    ready_and_call(&mut service, ()).await.unwrap();
    let other = service.clone();
    *shared.lock().unwrap() = Some(other);
    failures.store(2, SeqCst);
    assert!(ready_and_call(&mut service, ()).await.is_ok());
    assert!(shared.lock().unwrap().is_none());
}

/// A panic in `Clone` fails only the request that needs the clone.
#[tokio::test(start_paused = true)]
async fn a_clone_that_panics_leaves_the_service_usable() {
    let panics = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&panics);
    let (inner, failures) = Cloning::new(move || assert!(!asked.load(SeqCst), "panic for the test"));
    let mut service = RetryLayer::new(without_delay()).layer(inner);
    assert_eq!(ready_and_call(&mut service, ()).await, Ok(1), "no clone is needed");
    failures.store(1, SeqCst);
    let mut call = task::spawn(service.call_when_ready(()));
    assert!(catch_unwind(AssertUnwindSafe(|| call.poll())).is_err(), "there is no clone for a retry");
    panics.store(false, SeqCst);
    failures.store(1, SeqCst);
    assert!(ready_and_call(&mut service, ()).await.is_ok());
    panics.store(true, SeqCst);
    failures.store(1, SeqCst);
    let mut call = task::spawn(service.call_when_ready(()));
    assert!(catch_unwind(AssertUnwindSafe(|| call.poll())).is_err(), "cloning the spare clone panics");
    panics.store(false, SeqCst);
    failures.store(1, SeqCst);
    assert!(ready_and_call(&mut service, ()).await.is_ok(), "the spare clone was put back");
}
