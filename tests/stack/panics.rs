//! Panics: the counts are right, and no probe slot is lost.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Classifier, RetryConfig, RetryLayer, State, Verdict, breaker::Breaker,
    observe::Event, retry::Backoff, time::ManualClock,
};

use crate::circuits::{counted, ended_calls, first_failure, open, with_readiness};

/// Whether `work` panicked. Unwind safety doesn't matter, because the tests then read only the
/// circuit.
fn panics<T>(work: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_err()
}

/// A half-open circuit that opens at the first failure, and its clock.
fn half_open<C>(config: BreakerConfig<C>) -> (Circuit<C>, ManualClock) {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config.open_when(first_failure()).clock(clock.clone()));
    open(&circuit);
    clock.advance(Duration::from_secs(30));
    (circuit, clock)
}

/// Polls one call of `service` through a breaker on the circuit. Returns whether that panicked.
fn call_panics<S, C>(circuit: &Circuit<C>, service: S) -> bool
where
    S: Service<(), Response = (), Error = &'static str>,
    C: Classifier<(), (), &'static str> + Clone,
    Breaker<S, C>: Service<()>,
{
    let mut service = BreakerLayer::on(circuit).layer(service);
    panics(|| task::spawn(service.call(())).poll().is_ready())
}

async fn panic_inside() -> Result<(), &'static str> {
    panic!("inside the service's future")
}

async fn succeed() -> Result<(), &'static str> {
    Ok(())
}

// As in gobreaker, a call that panics counts as one call and one failure.
#[test]
fn a_panic_in_the_future_is_one_failure() {
    let circuit = Circuit::new(counted());
    assert!(call_panics(&circuit, service_fn(|()| panic_inside())));
    assert_eq!((ended_calls(&circuit), circuit.stats().failures_in_a_row), ([0, 1, 0, 0], 1));
}

#[test]
fn a_panic_after_a_while_is_one_failure() {
    let circuit = Circuit::new(counted());
    let mut polled = false;
    let late = std::future::poll_fn(move |_| {
        assert!(!std::mem::replace(&mut polled, true), "at the second poll");
        Poll::<Result<(), &str>>::Pending
    });
    let mut call = task::spawn(circuit.call(|| late));
    assert_pending!(call.poll());
    assert!(panics(|| call.poll().is_ready()));
    drop(call);
    assert_eq!(ended_calls(&circuit), [0, 1, 0, 0]);
}

/// The breaker's future panics when it is polled after its end, without polling the service's
/// future.
#[test]
fn polling_a_finished_future_panics_without_a_call() {
    let circuit = Circuit::new(counted());
    let polls = Arc::new(AtomicU32::new(0));
    let polled = Arc::clone(&polls);
    let ready = service_fn(move |()| {
        let polled = Arc::clone(&polled);
        std::future::poll_fn(move |_| {
            polled.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Ok::<_, &str>(()))
        })
    });
    let mut call = task::spawn(BreakerLayer::on(&circuit).layer(ready).call(()));
    assert!(call.poll().is_ready());
    assert!(panics(|| call.poll().is_ready()));
    assert_eq!((polls.load(Ordering::Relaxed), ended_calls(&circuit)), (1, [1, 0, 0, 0]));
}

#[test]
fn a_panic_in_the_call_itself_is_one_failure() {
    let circuit = Circuit::new(counted());
    let service = service_fn(|()| -> std::future::Ready<Result<(), &'static str>> { panic!("in `call`") });
    assert!(call_panics(&circuit, service));
    let function = || -> std::future::Ready<Result<(), &'static str>> { panic!("in the function") };
    assert!(panics(|| task::spawn(circuit.call(function)).poll().is_ready()));
    assert_eq!(ended_calls(&circuit), [0, 2, 0, 0]);
}

#[test]
fn a_panicking_probe_reopens_the_circuit_and_frees_its_slot() {
    let (circuit, clock) = half_open(counted());
    assert!(call_panics(&circuit, service_fn(|()| panic_inside())));
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2));
    clock.advance(Duration::from_secs(30));
    assert!(!call_panics(&circuit, service_fn(|()| succeed())));
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [1, 2, 0, 0]));
}

#[test]
fn a_panic_in_the_classifier_is_one_failure() {
    let panics_once = AtomicBool::new(true);
    let config = counted().classify(|_: Result<&(), &&str>| {
        assert!(!panics_once.swap(false, Ordering::Relaxed), "in the classifier");
        Verdict::Success
    });
    let (circuit, clock) = half_open(config);
    assert!(call_panics(&circuit, service_fn(|()| succeed())));
    assert_eq!(circuit.state(), State::Open);
    clock.advance(Duration::from_secs(30));
    assert!(!call_panics(&circuit, service_fn(|()| succeed())));
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [1, 2, 0, 0]));
}

#[test]
fn a_panic_while_inspecting_the_request_is_one_failure() {
    #[derive(Clone)]
    struct NoMemo;
    impl<Res, Err> Classifier<(), Res, Err> for NoMemo {
        type Memo = ();

        fn memo(&self, (): &()) {
            panic!("in the memo")
        }

        fn classify(&self, (): &(), _: Result<&Res, &Err>) -> Verdict {
            unreachable!()
        }
    }
    let circuit = Circuit::new(counted().classifier(NoMemo));
    assert!(call_panics(&circuit, service_fn(|()| succeed())));
    assert_eq!(ended_calls(&circuit), [0, 1, 0, 0]);
}

/// An observer that panics at the events that `at` selects.
fn observed(at: fn(&Event<'_>) -> bool) -> BreakerConfig {
    counted().observe(move |event: &Event<'_>| assert!(!at(event), "an observer"))
}

#[test]
fn an_observer_that_panics_at_a_failure_leaves_it_counted_once() {
    let circuit = Circuit::new(observed(|event| matches!(event, Event::CallFailed { .. })).open_when(first_failure()));
    let permit = circuit.try_acquire().unwrap();
    assert!(panics(|| permit.failure()));
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [0, 1, 0, 0]));
    assert_eq!(circuit.stats().transitions, 1, "the transition is counted too");
}

#[test]
fn an_observer_that_panics_at_an_opening_leaves_it_open() {
    let circuit =
        Circuit::new(observed(|event| matches!(event, Event::CircuitOpened { .. })).open_when(first_failure()));
    let fails = service_fn(|()| async { Err::<(), _>("down") });
    assert!(call_panics(&circuit, fails));
    assert_eq!((circuit.state(), circuit.stats().transitions, ended_calls(&circuit)), (State::Open, 1, [0, 1, 0, 0]));
}

#[test]
fn an_observer_that_panics_at_a_probe_leaves_its_slot_free() {
    let (circuit, _clock) = half_open(observed(|event| matches!(event, Event::CircuitHalfOpened { .. })));
    assert!(panics(|| circuit.try_acquire()));
    assert_eq!(circuit.state(), State::HalfOpen);
    assert_eq!(ended_calls(&circuit), [0, 1, 0, 1], "the call that wasn't made counts as dropped");
    circuit.try_acquire().unwrap().success();
    assert_eq!((circuit.state(), circuit.stats().transitions), (State::Closed, 3));
}

#[test]
fn an_observer_that_panics_at_a_rejection_leaves_it_counted() {
    let circuit = Circuit::new(observed(|event| matches!(event, Event::CallRejected { .. })));
    open(&circuit);
    assert!(panics(|| circuit.try_acquire()));
    assert_eq!(circuit.stats().total_rejected, 1);
}

// If a destructor panics while the thread unwinds, the process aborts.
#[test]
fn an_observer_that_panics_during_unwinding_does_not_abort() {
    let circuit = Circuit::new(observed(|_| true).open_when(first_failure()));
    assert!(call_panics(&circuit, service_fn(|()| panic_inside())));
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [0, 1, 0, 0]));
}

// If one of several joined calls panics, the thread drops the other calls while it unwinds.
#[test]
fn a_panic_of_another_call_is_not_our_failure() {
    let (ours, theirs) = (Circuit::new(counted()), Circuit::new(counted()));
    let mut service = BreakerLayer::on(&ours).layer(service_fn(|()| std::future::pending::<Result<(), &str>>()));
    assert!(panics(|| {
        let by_service = service.call(());
        let by_function = ours.call(std::future::pending::<Result<(), &str>>);
        let sibling = theirs.call(panic_inside);
        task::spawn(async { tokio::join!(by_service, by_function, sibling) }).poll().is_ready()
    }));
    assert_eq!((ended_calls(&ours), ended_calls(&theirs)), ([0, 0, 0, 2], [0, 1, 0, 0]));
}

#[test]
fn a_permit_held_during_a_panic_is_a_failure() {
    let circuit = Circuit::new(counted());
    assert!(panics(|| {
        let _permit = circuit.try_acquire();
        panic!("before it ended");
    }));
    assert_eq!(ended_calls(&circuit), [0, 1, 0, 0]);
}

#[tokio::test]
async fn a_task_that_panics_returns_its_slot() {
    let circuit = Circuit::new(counted());
    let calls = Arc::new(AtomicU32::new(0));
    for _ in 0..3 {
        let (circuit, calls) = (circuit.clone(), Arc::clone(&calls));
        let task = tokio::spawn(async move {
            let _permit = circuit.try_acquire();
            calls.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            panic!("in a task");
        });
        assert!(task.await.unwrap_err().is_panic());
    }
    assert_eq!((calls.load(Ordering::Relaxed), ended_calls(&circuit)), (3, [0, 3, 0, 0]));
}

/// A readiness error ends the service instance, so the breaker doesn't poll that instance again.
/// The breaker keeps the error until a call has returned it.
#[test]
fn a_readiness_error_is_kept_for_the_next_call_after_a_panic() {
    #[derive(Clone)]
    struct NoFirstMemo(Arc<AtomicBool>);
    impl Classifier<(), (), &'static str> for NoFirstMemo {
        type Memo = ();

        fn memo(&self, (): &()) {
            assert!(self.0.swap(true, Ordering::Relaxed), "in the memo");
        }

        fn classify(&self, (): &(), outcome: Result<&(), &&'static str>) -> Verdict {
            if outcome.is_ok() { Verdict::Success } else { Verdict::transient() }
        }
    }
    let (circuit, asked) = (Circuit::new(counted().classifier(NoFirstMemo(Arc::default()))), AtomicU32::new(0));
    let unready = with_readiness(|| if asked.fetch_add(1, Ordering::Relaxed) == 0 { Err("not ready") } else { Ok(()) });
    let mut service = BreakerLayer::on(&circuit).layer(unready);
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    assert!(panics(|| service.call(())));
    assert!(service.poll_ready(&mut context).is_ready());
    let outcome = assert_ready!(task::spawn(service.call(())).poll());
    assert_eq!(outcome.unwrap_err().into_inner(), Some("not ready"));
    assert_eq!((asked.load(Ordering::Relaxed), ended_calls(&circuit)), (1, [0, 2, 0, 0]));
}

#[test]
fn a_retry_continues_after_a_call_that_panics_in_its_drop() {
    struct Dropped(Option<Arc<AtomicU32>>);
    impl Future for Dropped {
        type Output = Result<u32, &'static str>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
            Poll::Ready(if self.0.is_some() { Err("no") } else { Ok(7) })
        }
    }
    impl Drop for Dropped {
        fn drop(&mut self) {
            if let Some(drops) = &self.0 {
                drops.fetch_add(1, Ordering::Relaxed);
                panic!("in the drop")
            }
        }
    }
    let drops = Arc::new(AtomicU32::new(0));
    let calls = AtomicU32::new(0);
    let service = service_fn(|()| {
        let is_first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        Dropped(is_first.then(|| Arc::clone(&drops)))
    });
    let mut retry = RetryLayer::new(RetryConfig::default().idempotent().backoff(Backoff::none())).layer(service);
    let mut call = task::spawn(retry.call(()));
    assert!(panics(|| call.poll().is_ready()));
    assert_eq!(call.poll(), Poll::Ready(Ok(7)));
    assert_eq!((drops.load(Ordering::Relaxed), calls.load(Ordering::Relaxed)), (1, 2));
}
