//! Faults of other crates' breakers in very short windows, memory, locks and waits. Each test fails
//! for a breaker that has the fault in the test's comment.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, service_fn};
use tower_recourse::{
    BreakerLayer, Circuit, Ratio, State, Verdict,
    breaker::{OpenDuration, Probes, TripRule, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls, first_failure, open};

const HALF_A_MINUTE: Duration = Duration::from_secs(30);
const MILLI: Duration = Duration::from_millis(1);

// failsafe: a window shorter than 5 ms caused a division by zero.
#[test]
fn the_shortest_windows_count_and_shorter_ones_are_invalid() {
    for time in [Duration::ZERO, Duration::from_nanos(1), MILLI, 5 * MILLI, 10 * MILLI - Duration::from_nanos(1)] {
        assert!(Window::time(time).is_err(), "{time:?}");
    }
    let shortest = Window::time(10 * MILLI).unwrap().minimum(2).unwrap();
    for window in [shortest, shortest.slices(1).unwrap(), shortest.slices(7).unwrap()] {
        let clock = ManualClock::new();
        let rule = TripRule::FailureRate { failing: Ratio::HALF, window };
        let circuit = Circuit::new(counted().open_when(rule).clock(clock.clone()));
        end_calls(&circuit, Verdict::transient(), 1);
        clock.advance(10 * MILLI);
        end_calls(&circuit, Verdict::transient(), 1);
        assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 1), "{window:?}");
        end_calls(&circuit, Verdict::Success, 1);
        assert_eq!(circuit.state(), State::Open, "{window:?}");
    }
}

// recloser: each transition leaked, 1.29 MB in 20,000 calls.
#[test]
fn transitions_leave_no_memory_behind() {
    for rule in [first_failure(), TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(1).unwrap() }] {
        let clock = ManualClock::new();
        let circuit = Circuit::new(counted().open_when(rule).clock(clock.clone()));
        let there_and_back = || {
            open(&circuit);
            clock.advance(HALF_A_MINUTE);
            circuit.try_acquire().unwrap().success();
            assert_eq!(circuit.state(), State::Closed);
        };
        there_and_back();
        let counted = allocation_counter::measure(|| (0..1_000).for_each(|_| there_and_back()));
        assert_eq!((counted.bytes_current, counted.count_current), (0, 0));
        assert_eq!(circuit.stats().transitions, 3 * 1_001);
    }
}

// tower-resilience: the classifier ran under the breaker's lock.
#[tokio::test]
async fn a_classifier_may_read_and_change_its_circuit() {
    let own = Arc::new(OnceLock::<Box<dyn Fn() + Send + Sync>>::new());
    let asks = Arc::clone(&own);
    let circuit = Circuit::new(counted().classify(move |outcome: Result<&(), &&str>| {
        asks.get().expect("the circuit exists before its calls")();
        if outcome.is_ok() { Verdict::Success } else { Verdict::transient() }
    }));
    let handle = circuit.clone();
    let ask_and_steer = move || {
        handle.try_acquire().unwrap().neutral();
        assert_eq!(handle.state(), State::Closed);
        handle.reset();
    };
    assert!(own.set(Box::new(ask_and_steer)).is_ok());
    for response in [Ok(()), Err("down")] {
        assert_eq!(circuit.call(|| async { response }).await.is_ok(), response.is_ok());
    }
    assert_eq!(ended_calls(&circuit), [1, 1, 2, 0]);
}

// tower-resilience: a task that waited for a half-open breaker polled it every millisecond.
#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_for_a_probe_is_rarely_woken() {
    let probes = Probes::one().lease(Duration::from_secs(60)).unwrap();
    let circuit = Circuit::new(counted().open_when(first_failure()).probes(probes));
    open(&circuit);
    tokio::time::advance(HALF_A_MINUTE).await;
    let probe = circuit.try_acquire().unwrap();
    let echo = service_fn(|()| async { Ok::<_, &str>(()) });
    let mut service = BreakerLayer::on(&circuit).wait_when_open().layer(echo);
    let mut ready = task::spawn(std::future::poll_fn(move |cx| service.poll_ready(cx)));
    assert_pending!(ready.poll());
    let mut woken = 0;
    for _ in 0..1_000 {
        tokio::time::advance(MILLI).await;
        if ready.is_woken() {
            woken += 1;
            assert_pending!(ready.poll());
        }
    }
    // The hint of a half-open circuit is at least 50 ms.
    assert!((1..=20).contains(&woken), "woken {woken} times within a second");
    probe.success();
    tokio::time::advance(151 * MILLI).await;
    assert!(ready.is_woken());
    assert_ready!(ready.poll()).unwrap();
}

// Sentinel: a thread could see the open state before the end time was set. Here, two threads read
// the end time while a third opens the circuit, 300 times.
#[test]
fn an_open_circuit_always_has_its_end_time() {
    let clock = ManualClock::new();
    let for_an_hour = OpenDuration::fixed(Duration::from_secs(3_600));
    let circuit = Circuit::new(counted().open_when(first_failure()).open_for(for_an_hour).clock(clock));
    for _ in 0..300 {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Ok(permit) = circuit.try_acquire() {
                        permit.neutral();
                    }
                    assert_eq!(circuit.retry_in(), Some(Duration::from_secs(3_600)));
                    assert_eq!(circuit.state(), State::Open);
                });
            }
            circuit.try_acquire().unwrap().failure();
        });
        circuit.reset();
    }
}
