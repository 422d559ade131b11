//! Successes and failures that the user reports without a call.

use std::time::Duration;

use tower_recourse::{BreakerConfig, Circuit, State, Verdict, breaker::TripRule, time::ManualClock};

use crate::circuits::{counted, end_calls, open, timed};
use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::{EventLog, secs};

const HALF_A_MINUTE: Duration = secs(30);

#[test]
fn a_reported_success_ends_a_row_and_closes_a_half_open_circuit() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(TripRule::consecutive(3).unwrap()).clock(clock.clone()));
    end_calls(&circuit, Verdict::transient(), 2);
    let under_way = circuit.try_acquire().unwrap();
    circuit.report_success();
    assert_eq!((circuit.stats().failures_in_a_row, circuit.stats().transitions), (0, 0));
    under_way.failure();
    assert_eq!(circuit.stats().failures_in_a_row, 1, "running calls still count");
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    let probe = circuit.try_acquire().unwrap();
    circuit.report_success();
    probe.failure();
    assert_eq!((circuit.state(), circuit.stats().failures_in_a_row), (State::Closed, 0), "no call waits for the probe");
}

#[test]
fn a_reported_success_begins_slow_start_and_a_reset_does_not() {
    let (circuit, clock) = timed(counted().slow_start(secs(100)));
    open(&circuit);
    circuit.report_success();
    circuit.try_acquire().unwrap_err();
    clock.advance(secs(100));
    circuit.try_acquire().unwrap().failure();
    circuit.reset();
    circuit.try_acquire().unwrap().success();
}

#[test]
fn a_reported_failure_counts_as_a_failed_call() {
    let (clock, events) = (ManualClock::new(), EventLog::default());
    let config = BreakerConfig::default().fixed().open_when(TripRule::consecutive(2).unwrap()).clock(clock.clone());
    let circuit = Circuit::new(config.without_observers().observe(events.observer()));
    circuit.report_failure();
    circuit.report_success();
    circuit.report_failure();
    assert_eq!(circuit.state(), State::Closed);
    circuit.report_failure();
    assert_eq!(circuit.state(), State::Open);
    circuit.report_failure();
    assert_eq!((circuit.stats().total_rejected, events.count("CallRejected")), (0, 0), "nothing was requested");
    clock.advance(secs(30));
    circuit.report_failure();
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2));
}
