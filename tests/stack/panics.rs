//! Somebody panics: the books are right all the same, and no slot is lost.

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

use crate::circuits::{as_ready_as, at_once, counted, endings, open};

/// Whether `work` panicked. Nothing that it leaves half done is looked at, but for the circuit: that is what is tested.
fn panics<T>(work: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_err()
}

/// A circuit that opens at once, half-open, and its clock.
fn half_open<C>(config: BreakerConfig<C>) -> (Circuit<C>, ManualClock) {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config.open_when(at_once()).clock(clock.clone()));
    open(&circuit);
    clock.advance(Duration::from_secs(30));
    (circuit, clock)
}

/// Polls one call of `service` around the circuit; whether that panicked.
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

// gobreaker: 1 call, 1 failure.
#[test]
fn a_panic_in_the_services_future_is_one_failure() {
    let circuit = Circuit::new(counted());
    assert!(call_panics(&circuit, service_fn(|()| panic_inside())));
    assert_eq!((endings(&circuit), circuit.stats().failures_in_a_row), ([0, 1, 0, 0], 1));
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
    assert_eq!(endings(&circuit), [0, 1, 0, 0]);
}

/// A future that is done has nothing more to say, whatever the service's own would do.
#[test]
fn to_poll_what_is_done_is_a_panic_and_asks_nobody() {
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
    assert_eq!((polls.load(Ordering::Relaxed), endings(&circuit)), (1, [1, 0, 0, 0]));
}

#[test]
fn a_panic_in_the_call_itself_is_one_failure() {
    let circuit = Circuit::new(counted());
    let service = service_fn(|()| -> std::future::Ready<Result<(), &'static str>> { panic!("in `call`") });
    assert!(call_panics(&circuit, service));
    let function = || -> std::future::Ready<Result<(), &'static str>> { panic!("in the function") };
    assert!(panics(|| task::spawn(circuit.call(function)).poll().is_ready()));
    assert_eq!(endings(&circuit), [0, 2, 0, 0]);
}

#[test]
fn a_panicking_probe_reopens_and_its_slot_is_free_at_the_next_time() {
    let (circuit, clock) = half_open(counted());
    assert!(call_panics(&circuit, service_fn(|()| panic_inside())));
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2));
    clock.advance(Duration::from_secs(30));
    assert!(!call_panics(&circuit, service_fn(|()| succeed())));
    assert_eq!((circuit.state(), endings(&circuit)), (State::Closed, [1, 2, 0, 0]));
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
    assert_eq!((circuit.state(), endings(&circuit)), (State::Closed, [1, 2, 0, 0]));
}

#[test]
fn a_panic_while_the_request_is_looked_at_is_one_failure() {
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
    assert_eq!(endings(&circuit), [0, 1, 0, 0]);
}

/// An observer that panics at the events that `at` picks.
fn observed(at: fn(&Event<'_>) -> bool) -> BreakerConfig {
    counted().observe(move |event: &Event<'_>| assert!(!at(event), "an observer"))
}

#[test]
fn an_observer_that_panics_at_a_failure_leaves_it_counted_once() {
    let circuit = Circuit::new(observed(|event| matches!(event, Event::CallFailed { .. })).open_when(at_once()));
    let permit = circuit.admit().unwrap();
    assert!(panics(|| permit.failure()));
    assert_eq!((circuit.state(), endings(&circuit)), (State::Open, [0, 1, 0, 0]));
    assert_eq!(circuit.stats().transitions, 1, "the change of the state is counted, too");
}

#[test]
fn an_observer_that_panics_at_an_opening_leaves_it_open() {
    let circuit = Circuit::new(observed(|event| matches!(event, Event::CircuitOpened { .. })).open_when(at_once()));
    let fails = service_fn(|()| async { Err::<(), _>("down") });
    assert!(call_panics(&circuit, fails));
    assert_eq!((circuit.state(), circuit.stats().transitions, endings(&circuit)), (State::Open, 1, [0, 1, 0, 0]));
}

#[test]
fn an_observer_that_panics_at_the_first_probe_leaves_its_slot_free() {
    let (circuit, _clock) = half_open(observed(|event| matches!(event, Event::CircuitHalfOpened { .. })));
    assert!(panics(|| circuit.admit()));
    assert_eq!(circuit.state(), State::HalfOpen);
    assert_eq!(endings(&circuit), [0, 1, 0, 1], "the call that didn't come about is a dropped one");
    circuit.admit().unwrap().success();
    assert_eq!((circuit.state(), circuit.stats().transitions), (State::Closed, 3));
}

#[test]
fn an_observer_that_panics_at_a_rejection_leaves_it_counted() {
    let circuit = Circuit::new(observed(|event| matches!(event, Event::CallRejected { .. })));
    open(&circuit);
    assert!(panics(|| circuit.admit()));
    assert_eq!(circuit.stats().total_rejected, 1);
}

// Two panics at once end the process, if the second leaves a destructor.
#[test]
fn an_observer_that_panics_because_a_call_panicked_does_not_abort() {
    let circuit = Circuit::new(observed(|_| true).open_when(at_once()));
    assert!(call_panics(&circuit, service_fn(|()| panic_inside())));
    assert_eq!((circuit.state(), endings(&circuit)), (State::Open, [0, 1, 0, 0]));
}

// A `join!` of two calls: the other one's panic drops ours while the thread unwinds.
#[test]
fn a_siblings_panic_is_no_failure_of_ours() {
    let (ours, theirs) = (Circuit::new(counted()), Circuit::new(counted()));
    let mut service = BreakerLayer::on(&ours).layer(service_fn(|()| std::future::pending::<Result<(), &str>>()));
    assert!(panics(|| {
        let by_service = service.call(());
        let by_function = ours.call(std::future::pending::<Result<(), &str>>);
        let sibling = theirs.call(panic_inside);
        task::spawn(async { tokio::join!(by_service, by_function, sibling) }).poll().is_ready()
    }));
    assert_eq!((endings(&ours), endings(&theirs)), ([0, 0, 0, 2], [0, 1, 0, 0]));
}

#[test]
fn a_permit_in_the_hand_of_who_panics_is_a_failure() {
    let circuit = Circuit::new(counted());
    assert!(panics(|| {
        let _permit = circuit.admit();
        panic!("before it ended");
    }));
    assert_eq!(endings(&circuit), [0, 1, 0, 0]);
}

#[tokio::test]
async fn a_task_that_panics_gives_its_slot_back() {
    let circuit = Circuit::new(counted());
    let calls = Arc::new(AtomicU32::new(0));
    for _ in 0..3 {
        let (circuit, calls) = (circuit.clone(), Arc::clone(&calls));
        let task = tokio::spawn(async move {
            let _permit = circuit.admit();
            calls.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            panic!("in a task");
        });
        assert!(task.await.unwrap_err().is_panic());
    }
    assert_eq!((calls.load(Ordering::Relaxed), endings(&circuit)), (3, [0, 3, 0, 0]));
}

/// The error was the service's last word to whoever asked it: it isn't asked again, and a call is still to get it.
#[test]
fn a_failure_to_get_ready_is_the_next_calls_outcome_if_the_first_one_panics() {
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
    let unready = as_ready_as(|| if asked.fetch_add(1, Ordering::Relaxed) == 0 { Err("not ready") } else { Ok(()) });
    let mut service = BreakerLayer::on(&circuit).layer(unready);
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    assert!(panics(|| service.call(())));
    assert!(service.poll_ready(&mut context).is_ready());
    let outcome = assert_ready!(task::spawn(service.call(())).poll());
    assert_eq!(outcome.unwrap_err().into_inner(), Some("not ready"));
    assert_eq!((asked.load(Ordering::Relaxed), endings(&circuit)), (1, [0, 2, 0, 0]));
}

#[test]
fn a_retry_goes_on_after_a_failed_call_that_panics_as_it_is_dropped() {
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
