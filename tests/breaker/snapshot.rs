//! A circuit that is restored from a snapshot.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_recourse::{
    BreakerConfig, Circuit, State, Verdict,
    breaker::{CircuitSnapshot, HalfOpenTimeout, Mode, OpenDuration, Probes, TripRule},
    observe::Event,
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, first_failure, open};
use crate::fixed_numbers::FixedNumbers as _;

const SECOND: Duration = Duration::from_secs(1);
const A_YEAR: Duration = Duration::from_secs(365 * 86_400);

fn config(clock: &ManualClock) -> BreakerConfig {
    counted()
        .open_when(TripRule::consecutive(3).unwrap())
        .open_for(OpenDuration::exponential(30 * SECOND))
        .clock(clock.clone())
}

/// Restores the snapshot in another circuit, as another process would, after `elapsed`.
fn restored(snapshot: &CircuitSnapshot, elapsed: Duration) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    clock.advance(7 * SECOND);
    let circuit = Circuit::new(config(&clock));
    circuit.restore(snapshot, elapsed);
    (circuit, clock)
}

#[test]
fn failures_in_a_row_continue_after_restoring() {
    let circuit = Circuit::new(config(&ManualClock::new()));
    end_calls(&circuit, Verdict::transient(), 2);
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.failures_in_a_row, snapshot.open_for), (State::Closed, 2, None));
    let (circuit, _) = restored(&snapshot, A_YEAR);
    assert_eq!(circuit.snapshot(), snapshot);
    circuit.try_acquire().unwrap().failure();
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn an_open_circuit_stays_open_for_the_remaining_time() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config(&clock));
    open(&circuit);
    clock.advance(10 * SECOND);
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.open_for), (State::Open, Some(20 * SECOND)));

    let (circuit, clock) = restored(&snapshot, 5 * SECOND);
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, Some(15 * SECOND)));
    clock.advance(15 * SECOND - Duration::from_micros(1));
    circuit.try_acquire().unwrap_err();
    clock.advance(Duration::from_micros(1));
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_circuit_past_its_open_duration_is_restored_half_open() {
    let circuit = Circuit::new(config(&ManualClock::new()));
    open(&circuit);
    let snapshot = circuit.snapshot();
    for elapsed in [30 * SECOND, A_YEAR, Duration::MAX] {
        let (circuit, _) = restored(&snapshot, elapsed);
        assert_eq!(circuit.state(), State::HalfOpen);
        let probe = circuit.try_acquire().unwrap();
        circuit.try_acquire().unwrap_err();
        probe.failure();
        assert_eq!(
            (circuit.state(), circuit.retry_in()),
            (State::Open, Some(60 * SECOND)),
            "the second opening in a row"
        );
    }
}

#[test]
fn a_clock_that_was_set_back_extends_no_open_duration() {
    let circuit = Circuit::new(config(&ManualClock::new()));
    open(&circuit);
    // A store passes zero if it doesn't know the age.
    let (circuit, _) = restored(&circuit.snapshot(), Duration::ZERO);
    assert_eq!(circuit.retry_in(), Some(30 * SECOND));
}

#[test]
fn a_restored_half_open_circuit_has_all_its_probes() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config(&clock));
    open(&circuit);
    clock.advance(30 * SECOND);
    let _probe = circuit.try_acquire().unwrap();
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.openings_in_a_row), (State::HalfOpen, 1));
    let (circuit, _) = restored(&snapshot, SECOND);
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn the_half_open_limit_starts_again_after_restoring() {
    let clock = ManualClock::new();
    let probes = Probes::one().max_half_open(10 * SECOND, HalfOpenTimeout::Open).unwrap();
    let circuit = Circuit::new(config(&clock).probes(probes));
    open(&circuit);
    circuit.restore(&circuit.snapshot(), A_YEAR);
    assert_eq!(circuit.state(), State::HalfOpen);
    let _hangs = circuit.try_acquire().unwrap();
    clock.advance(10 * SECOND);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn a_circuit_that_is_open_until_reset_stays_open_for_a_year() {
    let clock = ManualClock::new();
    let circuit =
        Circuit::new(counted().open_when(first_failure()).open_for(OpenDuration::until_reset()).clock(clock.clone()));
    open(&circuit);
    let snapshot = circuit.snapshot();
    assert_eq!(snapshot.open_for, None);
    let (circuit, clock) = restored(&snapshot, A_YEAR);
    clock.advance(A_YEAR);
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, None));
    circuit.report_success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn modes_are_restored() {
    for mode in [Mode::ForcedOpen, Mode::ForcedClosed, Mode::MetricsOnly, Mode::Disabled] {
        let circuit = Circuit::new(config(&ManualClock::new()));
        circuit.set_mode(mode);
        let snapshot = circuit.snapshot();
        let (circuit, clock) = restored(&snapshot, A_YEAR);
        clock.advance(A_YEAR);
        assert_eq!((circuit.mode(), circuit.state()), (mode, snapshot.state));
        assert_eq!(circuit.try_acquire().is_ok(), mode != Mode::ForcedOpen);
        circuit.set_mode(Mode::Auto);
        assert_eq!(circuit.state(), State::Closed);
    }
}

#[test]
fn earlier_permits_do_not_count_after_restoring() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config(&clock));
    let snapshot = circuit.snapshot();
    let permits: Vec<_> = (0..3).map(|_| circuit.try_acquire().unwrap()).collect();
    circuit.restore(&snapshot, Duration::ZERO);
    permits.into_iter().for_each(|permit| permit.failure());
    assert_eq!((circuit.state(), circuit.stats().failures_in_a_row), (State::Closed, 0));
}

#[test]
fn taking_a_snapshot_does_not_change_the_state() {
    let clock = ManualClock::new();
    let events = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&events);
    let config = config(&clock).observe(move |event: &Event<'_>| log.lock().unwrap().push(format!("{event:?}")));
    let circuit = Circuit::new(config.name("db"));
    open(&circuit);
    clock.advance(A_YEAR);
    events.lock().unwrap().clear();
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.open_for), (State::Open, Some(Duration::ZERO)));
    assert!(events.lock().unwrap().is_empty());

    circuit.restore(&snapshot, Duration::ZERO);
    assert_eq!(*events.lock().unwrap(), [r#"CircuitHalfOpened { name: "db", failing_for: Some(31536000s) }"#]);
    events.lock().unwrap().clear();
    let mut other = snapshot;
    other.open_for = Some(9 * SECOND);
    circuit.restore(&other, 2 * SECOND);
    other.mode = Mode::ForcedOpen;
    circuit.restore(&other, SECOND);
    let opened = r#"CircuitOpened { name: "db", open_for: 7s, openings_in_a_row: 1, failures_in_a_row: 0, calls: 0, failures: 0, slow: 0, failure: None, failing_for: Some(31536002s) }"#;
    assert_eq!(*events.lock().unwrap(), [opened, r#"CircuitModeChanged { name: "db", mode: "forced open" }"#]);
}

#[test]
fn restoring_during_calls_leaves_a_working_circuit() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config(&clock).slow_start(SECOND));
    open(&circuit);
    let open_one = circuit.snapshot();
    std::thread::scope(|scope| {
        for number in 0..3_u32 {
            let (circuit, clock, open_one) = (&circuit, &clock, &open_one);
            scope.spawn(move || {
                for turn in 0..2_000 {
                    match (turn + number) % 5 {
                        0 => circuit.restore(open_one, SECOND * (turn % 40)),
                        1 => clock.advance(SECOND),
                        2 => drop(circuit.snapshot()),
                        _ => drop(circuit.try_acquire().map(|permit| permit.failure())),
                    }
                }
            });
        }
    });
    // Whatever the threads did, the open duration ends and a probe closes the circuit.
    clock.advance(A_YEAR);
    circuit.try_acquire().unwrap().success();
    clock.advance(A_YEAR);
    circuit.try_acquire().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_circuit_restored_as_closed_does_not_start_slowly() {
    let config = BreakerConfig::default().fixed().without_observers().slow_start(100 * SECOND).seed(1);
    let circuit = Circuit::new(config.open_when(TripRule::consecutive(1).unwrap()));
    let closed = circuit.snapshot();
    circuit.try_acquire().unwrap().failure();
    circuit.restore(&closed, Duration::ZERO);
    for call in 0..100 {
        assert!(
            circuit.try_acquire().is_ok_and(|permit| {
                permit.success();
                true
            }),
            "call {call}"
        );
    }
}
