//! Modes: what controls a circuit's state, and for how long.

use std::time::Duration;

use tower_recourse::{
    Circuit, Ratio, State, Verdict,
    breaker::{Mode, TripRule, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls, open};
use crate::scripted::EventLog;

const MODES: [Mode; 5] = [Mode::Auto, Mode::ForcedOpen, Mode::ForcedClosed, Mode::MetricsOnly, Mode::Disabled];
const A_YEAR: Duration = Duration::from_secs(365 * 86_400);
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

fn circuit(failures: u32) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    let window = Window::count(10).unwrap();
    let rule = TripRule::FailureRate { failing: Ratio::HALF, window };
    let config = counted().open_when(TripRule::consecutive(failures).unwrap()).or_when(rule);
    (Circuit::new(config.clock(clock.clone())), clock)
}

// tower-resilience: `force_open` ended by itself.
#[test]
fn a_circuit_that_is_forced_open_stays_open_for_a_year() {
    let (circuit, clock) = circuit(2);
    circuit.force_open();
    clock.advance(A_YEAR);
    let rejection = circuit.try_acquire().unwrap_err();
    assert_eq!((rejection.state(), rejection.retry_in()), (State::Open, None), "there is no end time");
    circuit.report_success();
    assert_eq!((circuit.state(), circuit.mode()), (State::Open, Mode::ForcedOpen));
    let stats = circuit.stats();
    assert_eq!((stats.mode, stats.openings_in_a_row, stats.transitions), (Mode::ForcedOpen, 0, 1));
    circuit.set_mode(Mode::Auto);
    circuit.try_acquire().unwrap().success();
    assert_eq!((circuit.state(), circuit.mode()), (State::Closed, Mode::Auto));
}

#[test]
fn a_circuit_that_is_forced_open_admits_no_custom_probe() {
    let (circuit, clock) = circuit(1);
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    assert_eq!(circuit.state(), State::HalfOpen);
    circuit.force_open();
    clock.advance(HALF_A_MINUTE);
    let probe = tokio_test::task::spawn(circuit.probe(|| std::future::ready(Ok::<_, &str>(())))).poll();
    assert!(matches!(probe, std::task::Poll::Ready(Err(error)) if error.rejection().is_some()));
}

#[test]
fn a_circuit_that_is_forced_closed_counts_and_never_opens() {
    let (circuit, _clock) = circuit(2);
    circuit.force_closed();
    end_calls(&circuit, Verdict::transient(), 100);
    let stats = circuit.stats();
    assert_eq!((stats.state, stats.mode, stats.transitions), (State::Closed, Mode::ForcedClosed, 0));
    assert_eq!((stats.failures_in_a_row, stats.window.calls, stats.window.failures), (100, 10, 10));
    circuit.set_mode(Mode::Auto);
    end_calls(&circuit, Verdict::transient(), 1);
    assert_eq!((circuit.state(), circuit.stats().failures_in_a_row), (State::Closed, 1), "the counts are cleared");
    assert_eq!(ended_calls(&circuit), [0, 101, 0, 0]);
}

#[test]
fn forcing_an_open_circuit_closed_closes_it() {
    let (circuit, _clock) = circuit(1);
    open(&circuit);
    circuit.force_closed();
    end_calls(&circuit, Verdict::transient(), 1);
    assert_eq!((circuit.state(), circuit.stats().transitions), (State::Closed, 2));
}

#[test]
fn metrics_only_reports_once_that_it_would_have_opened() {
    let events = EventLog::default();
    let rule = TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(4).unwrap() };
    let circuit = Circuit::new(counted().name("watched").open_when(rule).observe(events.observer()));
    circuit.set_mode(Mode::MetricsOnly);
    end_calls(&circuit, Verdict::Success, 2);
    end_calls(&circuit, Verdict::transient(), 2);
    assert!(events.last_has(&[
        "CircuitWouldOpen",
        "watched",
        "failures_in_a_row: 2",
        "calls: 4",
        "failures: 2",
        "slow: 0"
    ]));
    end_calls(&circuit, Verdict::transient(), 9);
    end_calls(&circuit, Verdict::Success, 9);
    end_calls(&circuit, Verdict::transient(), 9);
    assert_eq!((events.count("CircuitWouldOpen"), events.count("CircuitOpened")), (1, 0));
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Closed, 0));
    circuit.reset();
    assert_eq!(circuit.mode(), Mode::MetricsOnly);
    end_calls(&circuit, Verdict::transient(), 4);
    assert_eq!(events.count("CircuitWouldOpen"), 2, "a reset starts again");
    circuit.set_mode(Mode::Auto);
    end_calls(&circuit, Verdict::transient(), 4);
    assert!(
        events.last_has(&["CircuitOpened", "openings_in_a_row: 1"]),
        "an opening that it would have made doesn't count"
    );
}

#[test]
fn a_disabled_circuit_counts_only_totals() {
    let (circuit, _clock) = circuit(1);
    circuit.set_mode(Mode::Disabled);
    end_calls(&circuit, Verdict::transient(), 100);
    let stats = circuit.stats();
    assert_eq!((stats.state, stats.failures_in_a_row, stats.window.calls), (State::Closed, 0, 0));
    assert_eq!(ended_calls(&circuit), [0, 100, 0, 0]);
}

#[test]
fn a_reset_clears_the_counts_and_keeps_the_mode() {
    for mode in MODES {
        let (circuit, _clock) = circuit(5);
        circuit.set_mode(mode);
        let _ = circuit.try_acquire().map(|permit| permit.failure());
        let under_way = circuit.try_acquire();
        circuit.reset();
        let _ = under_way.map(|permit| permit.failure());
        let stats = circuit.stats();
        assert_eq!(stats.mode, mode);
        assert_eq!((stats.failures_in_a_row, stats.window.calls), (0, 0), "{mode}");
        assert_eq!(stats.state == State::Open, mode == Mode::ForcedOpen, "{mode}");
    }
}

#[test]
fn setting_the_current_mode_keeps_the_counts() {
    for mode in [Mode::Auto, Mode::ForcedClosed, Mode::MetricsOnly] {
        let (circuit, _clock) = circuit(5);
        circuit.set_mode(mode);
        end_calls(&circuit, Verdict::transient(), 2);
        circuit.set_mode(mode);
        assert_eq!((circuit.stats().failures_in_a_row, circuit.mode()), (2, mode));
    }
}

// vert.x#294: late results changed the circuit's state. In this test, the mode changes while the
// calls run.
#[test]
fn a_call_from_another_mode_changes_only_the_totals() {
    for (before, after) in MODES.into_iter().flat_map(|one| MODES.map(|other| (one, other))) {
        if before == Mode::ForcedOpen {
            continue;
        }
        let (circuit, _clock) = circuit(1);
        circuit.set_mode(before);
        let (success, failure, dropped) =
            (circuit.try_acquire().unwrap(), circuit.try_acquire().unwrap(), circuit.try_acquire().unwrap());
        // Sets another mode first, because setting the current mode changes nothing.
        circuit.set_mode(if before == Mode::MetricsOnly { Mode::Auto } else { Mode::MetricsOnly });
        circuit.set_mode(after);
        let _ =
            (after != Mode::ForcedOpen && after != Mode::Auto).then(|| end_calls(&circuit, Verdict::transient(), 1));
        let counted = circuit.stats();
        failure.failure();
        success.success();
        drop(dropped);
        let stats = circuit.stats();
        assert_eq!((stats.mode, stats.state), (after, counted.state), "{before} → {after}");
        assert_eq!((stats.failures_in_a_row, stats.window), (counted.failures_in_a_row, counted.window));
        assert_eq!(stats.total_failures, counted.total_failures + 1);
        let [successes, .., dropped] = ended_calls(&circuit);
        assert_eq!((successes, dropped), (1, 1));
    }
}

#[test]
fn a_probe_does_not_count_after_a_change_of_mode_and_back() {
    let (circuit, clock) = circuit(1);
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    let (late, mode) = (circuit.try_acquire().unwrap(), circuit.mode());
    circuit.force_open();
    circuit.set_mode(mode);
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    let probe = circuit.try_acquire().unwrap();
    late.success();
    assert_eq!(circuit.state(), State::HalfOpen);
    assert!(circuit.try_acquire().is_err(), "and another probe doesn't get its slot");
    probe.success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn every_change_of_mode_and_of_state_is_an_event() {
    let events = EventLog::default();
    let circuit = Circuit::new(counted().name("watched").observe(events.observer()));
    circuit.force_open();
    assert_eq!(events.count("CircuitOpened"), 1);
    let for_ever = format!("open_for: {:?}", Duration::MAX);
    assert_eq!(
        (events.count(&for_ever), events.count("openings_in_a_row: 0")),
        (1, 1),
        "the configured duration doesn't apply"
    );
    assert!(events.last_has(&["CircuitModeChanged", "watched", "forced open"]));
    circuit.force_closed();
    assert_eq!(events.count("CircuitClosed"), 1);
    assert!(events.last_has(&["CircuitModeChanged", "forced closed"]));
    for (mode, text) in [(Mode::MetricsOnly, "metrics only"), (Mode::Disabled, "disabled"), (Mode::Auto, "auto")] {
        circuit.set_mode(mode);
        assert!(events.last_has(&["CircuitModeChanged", &format!("{text:?}")]));
        assert_eq!(mode.to_string(), text);
    }
    assert_eq!((events.count("CircuitModeChanged"), events.count("")), (5, 7));
}

#[test]
fn modes_may_change_while_calls_run() {
    let (circuit, _clock) = circuit(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for call in 0..3_000 {
                    let _ = circuit
                        .try_acquire()
                        .map(|permit| if call % 3 == 0 { permit.success() } else { permit.failure() });
                }
            });
        }
        scope.spawn(|| MODES.into_iter().cycle().take(1_000).for_each(|mode| circuit.set_mode(mode)));
    });
    ended_calls(&circuit);
    circuit.set_mode(Mode::Auto);
    end_calls(&circuit, Verdict::transient(), 2);
    assert_eq!(circuit.state(), State::Closed);
    end_calls(&circuit, Verdict::transient(), 1);
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 1));
}
