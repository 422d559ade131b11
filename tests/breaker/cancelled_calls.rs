//! How the breaker counts calls that their callers drop.

use std::{future::pending, time::Duration};

use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, State, Verdict,
    breaker::{CancelledCalls, OpenDuration, Permit},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls, first_failure, half_open, open, timed};
use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::{EventLog, Oops, ms, secs};

const HALF_A_MINUTE: Duration = secs(30);

#[test]
fn a_dropped_call_counts_as_configured() {
    let drop_after = |dropped, ran| {
        let (circuit, clock) = timed(counted().on_cancelled(dropped));
        let call = circuit.try_acquire().unwrap();
        clock.advance(ran);
        drop(call);
        (circuit.state(), ended_calls(&circuit))
    };
    let (neutral, failure) = ((State::Closed, [0, 0, 0, 1]), (State::Open, [0, 1, 0, 0]));
    assert_eq!(drop_after(CancelledCalls::Neutral, secs(9)), neutral);
    assert_eq!(drop_after(CancelledCalls::Failure, Duration::ZERO), failure);
    assert_eq!(drop_after(CancelledCalls::FailureAfter(secs(5)), secs(5)), neutral);
    assert_eq!(drop_after(CancelledCalls::FailureAfter(secs(5)), ms(5_001)), failure);
}

#[test]
fn a_dropped_probe_counts_as_configured_a_neutral_one_never() {
    let (circuit, clock) = half_open(counted().on_cancelled(CancelledCalls::FailureAfter(secs(5))));
    drop(circuit.try_acquire().unwrap());
    let slow = circuit.try_acquire().unwrap();
    clock.advance(secs(6));
    slow.neutral();
    assert_eq!(circuit.state(), State::HalfOpen);
    let slow = circuit.try_acquire().unwrap();
    clock.advance(secs(6));
    drop(slow);
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [0, 2, 1, 1]));
}

#[test]
fn a_circuit_whose_calls_are_all_dropped_opens() {
    let (clock, events) = (ManualClock::new(), EventLog::default());
    let circuit = Circuit::new(
        BreakerConfig::default().fixed().without_observers().observe(events.observer()).clock(clock.clone()),
    );
    (0..4).for_each(|_| drop(circuit.try_acquire().unwrap()));
    clock.advance(secs(30));
    assert_eq!(circuit.state(), State::Closed);
    drop(circuit.try_acquire().unwrap());
    assert_eq!((circuit.state(), circuit.stats().total_dropped), (State::Open, 5));
    assert!(events.last_has(&["CircuitOpened", "failures_in_a_row: 5, calls: 5, failures: 5"]));
}

/// Responses take long, so no call has ended by the time the first 100 calls are dropped.
#[test]
fn dropped_calls_do_not_open_a_new_circuit_while_others_run() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().clock(clock.clone()));
    let mut calls: Vec<_> = (0..200).map(|_| circuit.try_acquire().unwrap()).collect();
    calls.drain(..100).for_each(drop);
    clock.advance(secs(20));
    calls.into_iter().for_each(Permit::success);
    assert_eq!(circuit.state(), State::Closed);
}

/// A former bug: a dropped call overwrote the open duration that another thread had just written,
/// and the circuit stayed open forever.
#[test]
fn dropped_calls_do_not_change_the_open_duration_of_others() {
    let config = counted().open_when(first_failure()).open_for(OpenDuration::fixed(Duration::from_micros(1)));
    let circuit = Circuit::new(config);
    let ends = |thread: usize| {
        for _ in 0..20_000 {
            let _ = circuit.try_acquire().map(Permit::success);
            drop(circuit.try_acquire());
            if thread == 0 {
                let _ = circuit.try_acquire().map(Permit::failure);
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|thread| drop(scope.spawn(move || ends(thread)))));
    let never_ends = circuit.state() == State::Open && circuit.retry_in().is_none();
    std::thread::sleep(ms(2));
    assert!(!(never_ends && circuit.state() == State::Open), "{:?}", circuit.stats());
}

#[test]
fn a_burst_of_dropped_calls_does_not_open_a_healthy_circuit() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().clock(clock.clone()));
    end_calls(&circuit, Verdict::Success, 1);
    (0..100).for_each(|_| drop(circuit.try_acquire().unwrap()));
    clock.advance(secs(29));
    (0..100).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(circuit.state(), State::Closed);
    end_calls(&circuit, Verdict::Success, 1);
    clock.advance(secs(29));
    (0..100).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(circuit.state(), State::Closed, "one call succeeded");
}

#[test]
fn a_healthy_circuit_opens_when_every_call_is_dropped_for_long() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().clock(clock.clone()));
    end_calls(&circuit, Verdict::Success, 1_000);
    for _ in 0..6 {
        assert_eq!(circuit.state(), State::Closed);
        drop(circuit.try_acquire().unwrap());
        clock.advance(secs(5));
    }
    drop(circuit.try_acquire().unwrap());
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn neutral_answers_among_dropped_calls_keep_it_closed() {
    let (circuit, _clock) = timed(counted());
    for _ in 0..100 {
        drop(circuit.try_acquire().unwrap());
        drop(circuit.try_acquire().unwrap());
        circuit.try_acquire().unwrap().neutral();
    }
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn dropped_calls_are_ignored_if_so_configured() {
    let (circuit, clock) = timed(counted().on_cancelled(CancelledCalls::Neutral));
    for _ in 0..100 {
        drop(circuit.try_acquire().unwrap());
        clock.advance(secs(5));
    }
    assert_eq!(circuit.state(), State::Closed);
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    (0..100).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(circuit.state(), State::HalfOpen);
}

#[test]
fn probes_that_are_always_dropped_reopen_the_circuit() {
    let (circuit, clock) = half_open(counted());
    (0..2).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(circuit.state(), State::HalfOpen, "two may be a coincidence");
    drop(circuit.try_acquire().unwrap());
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2));
    clock.advance(HALF_A_MINUTE);
    (0..2).for_each(|_| drop(circuit.try_acquire().unwrap()));
    circuit.try_acquire().unwrap().neutral();
    (0..2).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(circuit.state(), State::HalfOpen, "one call succeeded");
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn calls_that_time_out_outside_the_breaker_open_it() {
    let circuit = Circuit::new(counted());
    let hangs = service_fn(|()| pending::<Result<(), Oops>>());
    let service = ServiceBuilder::new().timeout(secs(1)).layer(BreakerLayer::on(&circuit)).service(hangs);
    for _ in 0..31 {
        assert_eq!(circuit.state(), State::Closed);
        service.clone().oneshot(()).await.unwrap_err();
    }
    assert_eq!(circuit.state(), State::Open);
}
