//! What other breakers get wrong aside of their states, as FIELD notes: windows of nearly no time, memory, locks, waiting.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, service_fn};
use tower_recourse::{
    BreakerLayer, Circuit, Ratio, State, Verdict,
    breaker::{OpenFor, OpenRule, Probes, Window},
    time::ManualClock,
};

use crate::circuits::{at_once, counted, end_all, endings, open};

const HALF_A_MINUTE: Duration = Duration::from_secs(30);
const MILLI: Duration = Duration::from_millis(1);

// failsafe: a window of less than 5 ms divided by zero.
#[test]
fn the_shortest_windows_of_time_count_like_any_other_and_shorter_ones_are_refused() {
    for time in [Duration::ZERO, Duration::from_nanos(1), MILLI, 5 * MILLI, 10 * MILLI - Duration::from_nanos(1)] {
        assert!(Window::time(time).is_err(), "{time:?}");
    }
    let shortest = Window::time(10 * MILLI).unwrap().minimum(2).unwrap();
    for window in [shortest, shortest.slices(1).unwrap(), shortest.slices(7).unwrap()] {
        let clock = ManualClock::new();
        let rule = OpenRule::Ratio { failing: Ratio::HALF, window };
        let circuit = Circuit::new(counted().open_when(rule).clock(clock.clone()));
        end_all(&circuit, Verdict::transient(), 1);
        clock.advance(10 * MILLI);
        end_all(&circuit, Verdict::transient(), 1);
        assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 1), "{window:?}");
        end_all(&circuit, Verdict::Success, 1);
        assert_eq!(circuit.state(), State::Open, "{window:?}");
    }
}

// recloser: leaked with every transition, 1.29 MB in 20,000 calls.
#[test]
fn transitions_leave_no_memory_behind() {
    for rule in [at_once(), OpenRule::Ratio { failing: Ratio::HALF, window: Window::count(1).unwrap() }] {
        let clock = ManualClock::new();
        let circuit = Circuit::new(counted().open_when(rule).clock(clock.clone()));
        let there_and_back = || {
            open(&circuit);
            clock.advance(HALF_A_MINUTE);
            circuit.admit().unwrap().success();
            assert_eq!(circuit.state(), State::Closed);
        };
        there_and_back();
        let counted = allocation_counter::measure(|| (0..1_000).for_each(|_| there_and_back()));
        assert_eq!((counted.bytes_current, counted.count_current), (0, 0));
        assert_eq!(circuit.stats().transitions, 3 * 1_001);
    }
}

// tower-resilience (trap 6): the classifier ran under the breaker's lock.
#[tokio::test]
async fn a_classifier_may_ask_and_steer_the_circuit_that_asks_it() {
    let own = Arc::new(OnceLock::<Box<dyn Fn() + Send + Sync>>::new());
    let asks = Arc::clone(&own);
    let circuit = Circuit::new(counted().classify(move |outcome: Result<&(), &&str>| {
        asks.get().expect("the circuit is there before its calls")();
        if outcome.is_ok() { Verdict::Success } else { Verdict::transient() }
    }));
    let handle = circuit.clone();
    let ask_and_steer = move || {
        handle.admit().unwrap().neutral();
        assert_eq!(handle.state(), State::Closed);
        handle.reset();
    };
    assert!(own.set(Box::new(ask_and_steer)).is_ok());
    for answer in [Ok(()), Err("down")] {
        assert_eq!(circuit.call(|| async { answer }).await.is_ok(), answer.is_ok());
    }
    assert_eq!(endings(&circuit), [1, 1, 2, 0]);
}

// tower-resilience (trap 6): who waited for a half-open breaker looked at it every millisecond.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_probe_to_come_back_is_left_alone_meanwhile() {
    let probes = Probes::one().lease(Duration::from_secs(60)).unwrap();
    let circuit = Circuit::new(counted().open_when(at_once()).probes(probes));
    open(&circuit);
    tokio::time::advance(HALF_A_MINUTE).await;
    let probe = circuit.admit().unwrap();
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
    // A half-open circuit asks for waits of at least 50 ms.
    assert!((1..=20).contains(&woken), "woken {woken} times within a second");
    probe.success();
    tokio::time::advance(151 * MILLI).await;
    assert!(ready.is_woken());
    assert_ready!(ready.poll()).unwrap();
}

// Sentinel: that it is open was seen before until when. Here, by as many as look while it opens.
#[test]
fn whoever_finds_it_open_is_told_until_when() {
    let clock = ManualClock::new();
    let for_an_hour = OpenFor::fixed(Duration::from_secs(3_600));
    let circuit = Circuit::new(counted().open_when(at_once()).open_for(for_an_hour).clock(clock));
    for _ in 0..300 {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Ok(permit) = circuit.admit() {
                        permit.neutral();
                    }
                    assert_eq!(circuit.retry_in(), Some(Duration::from_secs(3_600)));
                    assert_eq!(circuit.state(), State::Open);
                });
            }
            circuit.admit().unwrap().failure();
        });
        circuit.reset();
    }
}
