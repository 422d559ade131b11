//! A circuit that goes on where it was.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_recourse::{
    BreakerConfig, Circuit, State, Verdict,
    breaker::{Mode, OpenFor, OpenRule, Probes, Snapshot, Undecided},
    observe::Event,
    time::ManualClock,
};

use crate::circuits::{at_once, counted, end_all, open};
use crate::fixed_numbers::FixedNumbers as _;

const SECOND: Duration = Duration::from_secs(1);
const A_YEAR: Duration = Duration::from_secs(365 * 86_400);

fn config(clock: &ManualClock) -> BreakerConfig {
    counted().open_when(OpenRule::consecutive(3).unwrap()).open_for(OpenFor::growing(30 * SECOND)).clock(clock.clone())
}

/// Another circuit, of another process say, that was restored so long after.
fn restored(snapshot: &Snapshot, elapsed: Duration) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    clock.advance(7 * SECOND);
    let circuit = Circuit::new(config(&clock));
    circuit.restore(snapshot, elapsed);
    (circuit, clock)
}

#[test]
fn failures_in_a_row_go_on() {
    let circuit = Circuit::new(config(&ManualClock::new()));
    end_all(&circuit, Verdict::transient(), 2);
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.failures_in_a_row, snapshot.open_for), (State::Closed, 2, None));
    let (circuit, _) = restored(&snapshot, A_YEAR);
    assert_eq!(circuit.snapshot(), snapshot);
    circuit.admit().unwrap().failure();
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn an_open_circuit_stays_so_for_what_was_left() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config(&clock));
    open(&circuit);
    clock.advance(10 * SECOND);
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.open_for), (State::Open, Some(20 * SECOND)));

    let (circuit, clock) = restored(&snapshot, 5 * SECOND);
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, Some(15 * SECOND)));
    clock.advance(15 * SECOND - Duration::from_micros(1));
    circuit.admit().unwrap_err();
    clock.advance(Duration::from_micros(1));
    circuit.admit().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_circuit_whose_open_time_is_over_comes_back_half_open() {
    let circuit = Circuit::new(config(&ManualClock::new()));
    open(&circuit);
    let snapshot = circuit.snapshot();
    for elapsed in [30 * SECOND, A_YEAR, Duration::MAX] {
        let (circuit, _) = restored(&snapshot, elapsed);
        assert_eq!(circuit.state(), State::HalfOpen);
        let probe = circuit.admit().unwrap();
        circuit.admit().unwrap_err();
        probe.failure();
        assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, Some(60 * SECOND)), "the second in a row");
    }
}

#[test]
fn a_clock_that_was_put_back_makes_no_open_time_longer() {
    let circuit = Circuit::new(config(&ManualClock::new()));
    open(&circuit);
    // The store says zero for an age below it.
    let (circuit, _) = restored(&circuit.snapshot(), Duration::ZERO);
    assert_eq!(circuit.retry_in(), Some(30 * SECOND));
}

#[test]
fn a_half_open_circuit_has_all_its_probes_again() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config(&clock));
    open(&circuit);
    clock.advance(30 * SECOND);
    let _probe = circuit.admit().unwrap();
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.openings_in_a_row), (State::HalfOpen, 1));
    let (circuit, _) = restored(&snapshot, SECOND);
    circuit.admit().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_limit_of_half_open_begins_anew() {
    let clock = ManualClock::new();
    let probes = Probes::one().within(10 * SECOND, Undecided::Open).unwrap();
    let circuit = Circuit::new(config(&clock).probes(probes));
    open(&circuit);
    circuit.restore(&circuit.snapshot(), A_YEAR);
    assert_eq!(circuit.state(), State::HalfOpen);
    let _hangs = circuit.admit().unwrap();
    clock.advance(10 * SECOND);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn what_is_open_until_reset_stays_so_for_a_year() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(at_once()).open_for(OpenFor::until_reset()).clock(clock.clone()));
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
fn modes_go_on() {
    for mode in [Mode::ForcedOpen, Mode::ForcedClosed, Mode::MetricsOnly, Mode::Disabled] {
        let circuit = Circuit::new(config(&ManualClock::new()));
        circuit.set_mode(mode);
        let snapshot = circuit.snapshot();
        let (circuit, clock) = restored(&snapshot, A_YEAR);
        clock.advance(A_YEAR);
        assert_eq!((circuit.mode(), circuit.state()), (mode, snapshot.state));
        assert_eq!(circuit.admit().is_ok(), mode != Mode::ForcedOpen);
        circuit.set_mode(Mode::Auto);
        assert_eq!(circuit.state(), State::Closed);
    }
}

#[test]
fn permits_of_before_no_longer_count() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config(&clock));
    let snapshot = circuit.snapshot();
    let permits: Vec<_> = (0..3).map(|_| circuit.admit().unwrap()).collect();
    circuit.restore(&snapshot, Duration::ZERO);
    permits.into_iter().for_each(|permit| permit.failure());
    assert_eq!((circuit.state(), circuit.stats().failures_in_a_row), (State::Closed, 0));
}

#[test]
fn a_snapshot_is_taken_without_moving_the_circuit_on() {
    let clock = ManualClock::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&told);
    let config = config(&clock).observe(move |event: &Event<'_>| log.lock().unwrap().push(format!("{event:?}")));
    let circuit = Circuit::new(config.name("db"));
    open(&circuit);
    clock.advance(A_YEAR);
    told.lock().unwrap().clear();
    let snapshot = circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.open_for), (State::Open, Some(Duration::ZERO)));
    assert!(told.lock().unwrap().is_empty());

    circuit.restore(&snapshot, Duration::ZERO);
    assert_eq!(*told.lock().unwrap(), [r#"CircuitHalfOpened { name: "db" }"#]);
    told.lock().unwrap().clear();
    let mut other = snapshot;
    other.open_for = Some(9 * SECOND);
    circuit.restore(&other, 2 * SECOND);
    other.mode = Mode::ForcedOpen;
    circuit.restore(&other, SECOND);
    let opened = r#"CircuitOpened { name: "db", open_for: 7s, openings_in_a_row: 1, failures_in_a_row: 0, calls: 0, failures: 0, slow: 0 }"#;
    assert_eq!(*told.lock().unwrap(), [opened, r#"CircuitSteered { name: "db", mode: "forced open" }"#]);
}

#[test]
fn restoring_while_calls_are_made_leaves_a_circuit_that_works() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(config(&clock).ramp(SECOND));
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
                        _ => drop(circuit.admit().map(|permit| permit.failure())),
                    }
                }
            });
        }
    });
    // However it ended: its time comes, and a probe closes it.
    clock.advance(A_YEAR);
    circuit.admit().unwrap().success();
    clock.advance(A_YEAR);
    circuit.admit().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn what_is_restored_as_closed_has_been_so_for_long_and_does_not_ramp_up() {
    let config = BreakerConfig::default().fixed().unobserved().ramp(100 * SECOND).seed(1);
    let circuit = Circuit::new(config.open_when(OpenRule::consecutive(1).unwrap()));
    let closed = circuit.snapshot();
    circuit.admit().unwrap().failure();
    circuit.restore(&closed, Duration::ZERO);
    for call in 0..100 {
        assert!(
            circuit.admit().is_ok_and(|permit| {
                permit.success();
                true
            }),
            "call {call}"
        );
    }
}
