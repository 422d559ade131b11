//! Steered from outside: who decides about a circuit's state, and until when.

use std::time::Duration;

use tower_recourse::{
    Circuit, Ratio, State, Verdict,
    breaker::{Mode, OpenRule, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_all, endings, open};
use crate::scripted::Told;

const MODES: [Mode; 5] = [Mode::Auto, Mode::ForcedOpen, Mode::ForcedClosed, Mode::MetricsOnly, Mode::Disabled];
const A_YEAR: Duration = Duration::from_secs(365 * 86_400);
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

fn circuit(failures: u32) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    let window = Window::count(10).unwrap();
    let rule = OpenRule::Ratio { failing: Ratio::HALF, window };
    let config = counted().open_when(OpenRule::consecutive(failures).unwrap()).or_when(rule);
    (Circuit::new(config.clock(clock.clone())), clock)
}

// tower-resilience (trap 4): `force_open` recovered by itself.
#[test]
fn a_circuit_that_is_forced_open_stays_so_for_a_year() {
    let (circuit, clock) = circuit(2);
    circuit.force_open();
    clock.advance(A_YEAR);
    let rejection = circuit.admit().unwrap_err();
    assert_eq!((rejection.state(), rejection.retry_in()), (State::Open, None), "nobody knows until when");
    circuit.report_success();
    assert_eq!((circuit.state(), circuit.mode()), (State::Open, Mode::ForcedOpen));
    let stats = circuit.stats();
    assert_eq!((stats.mode, stats.openings_in_a_row, stats.transitions), (Mode::ForcedOpen, 0, 1));
    circuit.set_mode(Mode::Auto);
    circuit.admit().unwrap().success();
    assert_eq!((circuit.state(), circuit.mode()), (State::Closed, Mode::Auto));
}

#[test]
fn no_probe_of_ones_own_gets_into_a_circuit_that_is_forced_open() {
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
    end_all(&circuit, Verdict::transient(), 100);
    let stats = circuit.stats();
    assert_eq!((stats.state, stats.mode, stats.transitions), (State::Closed, Mode::ForcedClosed, 0));
    assert_eq!((stats.failures_in_a_row, stats.window.calls, stats.window.failures), (100, 10, 10));
    circuit.set_mode(Mode::Auto);
    end_all(&circuit, Verdict::transient(), 1);
    assert_eq!(
        (circuit.state(), circuit.stats().failures_in_a_row),
        (State::Closed, 1),
        "what was counted is forgotten"
    );
    assert_eq!(endings(&circuit), [0, 101, 0, 0]);
}

#[test]
fn forcing_an_open_circuit_closed_closes_it() {
    let (circuit, _clock) = circuit(1);
    open(&circuit);
    circuit.force_closed();
    end_all(&circuit, Verdict::transient(), 1);
    assert_eq!((circuit.state(), circuit.stats().transitions), (State::Closed, 2));
}

#[test]
fn a_circuit_that_only_measures_tells_once_when_it_would_have_opened() {
    let told = Told::default();
    let rule = OpenRule::Ratio { failing: Ratio::HALF, window: Window::count(4).unwrap() };
    let circuit = Circuit::new(counted().name("watched").open_when(rule).observe(told.observer()));
    circuit.set_mode(Mode::MetricsOnly);
    end_all(&circuit, Verdict::Success, 2);
    end_all(&circuit, Verdict::transient(), 2);
    assert!(told.last_has(&[
        "CircuitWouldOpen",
        "watched",
        "failures_in_a_row: 2",
        "calls: 4",
        "failures: 2",
        "slow: 0"
    ]));
    end_all(&circuit, Verdict::transient(), 9);
    end_all(&circuit, Verdict::Success, 9);
    end_all(&circuit, Verdict::transient(), 9);
    assert_eq!((told.count("CircuitWouldOpen"), told.count("CircuitOpened")), (1, 0));
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Closed, 0));
    circuit.reset();
    assert_eq!(circuit.mode(), Mode::MetricsOnly);
    end_all(&circuit, Verdict::transient(), 4);
    assert_eq!(told.count("CircuitWouldOpen"), 2, "a reset begins anew");
    circuit.set_mode(Mode::Auto);
    end_all(&circuit, Verdict::transient(), 4);
    assert!(told.last_has(&["CircuitOpened", "openings_in_a_row: 1"]), "and what it would have done is no opening");
}

#[test]
fn a_disabled_circuit_counts_nothing_but_totals() {
    let (circuit, _clock) = circuit(1);
    circuit.set_mode(Mode::Disabled);
    end_all(&circuit, Verdict::transient(), 100);
    let stats = circuit.stats();
    assert_eq!((stats.state, stats.failures_in_a_row, stats.window.calls), (State::Closed, 0, 0));
    assert_eq!(endings(&circuit), [0, 100, 0, 0]);
}

#[test]
fn a_reset_makes_a_new_beginning_in_every_mode_and_leaves_the_mode() {
    for mode in MODES {
        let (circuit, _clock) = circuit(5);
        circuit.set_mode(mode);
        let _ = circuit.admit().map(|permit| permit.failure());
        let under_way = circuit.admit();
        circuit.reset();
        let _ = under_way.map(|permit| permit.failure());
        let stats = circuit.stats();
        assert_eq!(stats.mode, mode);
        assert_eq!((stats.failures_in_a_row, stats.window.calls), (0, 0), "{mode}");
        assert_eq!(stats.state == State::Open, mode == Mode::ForcedOpen, "{mode}");
    }
}

#[test]
fn to_set_the_mode_that_it_is_in_forgets_nothing() {
    for mode in [Mode::Auto, Mode::ForcedClosed, Mode::MetricsOnly] {
        let (circuit, _clock) = circuit(5);
        circuit.set_mode(mode);
        end_all(&circuit, Verdict::transient(), 2);
        circuit.set_mode(mode);
        assert_eq!((circuit.stats().failures_in_a_row, circuit.mode()), (2, mode));
    }
}

// vert.x#294: late results. Here, of another mode.
#[test]
fn an_ending_of_another_mode_changes_nothing_but_the_totals() {
    for (before, after) in MODES.into_iter().flat_map(|one| MODES.map(|other| (one, other))) {
        if before == Mode::ForcedOpen {
            continue;
        }
        let (circuit, _clock) = circuit(1);
        circuit.set_mode(before);
        let (success, failure, dropped) =
            (circuit.admit().unwrap(), circuit.admit().unwrap(), circuit.admit().unwrap());
        // By way of another one: to set the mode that it is in changes nothing.
        circuit.set_mode(if before == Mode::MetricsOnly { Mode::Auto } else { Mode::MetricsOnly });
        circuit.set_mode(after);
        let _ = (after != Mode::ForcedOpen && after != Mode::Auto).then(|| end_all(&circuit, Verdict::transient(), 1));
        let counted = circuit.stats();
        failure.failure();
        success.success();
        drop(dropped);
        let stats = circuit.stats();
        assert_eq!((stats.mode, stats.state), (after, counted.state), "{before} → {after}");
        assert_eq!((stats.failures_in_a_row, stats.window), (counted.failures_in_a_row, counted.window));
        assert_eq!(stats.total_failures, counted.total_failures + 1);
        let [successes, .., dropped] = endings(&circuit);
        assert_eq!((successes, dropped), (1, 1));
    }
}

#[test]
fn a_probe_of_before_has_no_say_after_the_mode_was_changed_and_back() {
    let (circuit, clock) = circuit(1);
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    let (late, mode) = (circuit.admit().unwrap(), circuit.mode());
    circuit.force_open();
    circuit.set_mode(mode);
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    let probe = circuit.admit().unwrap();
    late.success();
    assert_eq!(circuit.state(), State::HalfOpen);
    assert!(circuit.admit().is_err(), "nor is its slot another's");
    probe.success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn every_change_of_the_mode_is_told_and_what_it_did_to_the_state() {
    let told = Told::default();
    let circuit = Circuit::new(counted().name("watched").observe(told.observer()));
    circuit.force_open();
    assert_eq!(told.count("CircuitOpened"), 1);
    let for_ever = format!("open_for: {:?}", Duration::MAX);
    assert_eq!((told.count(&for_ever), told.count("openings_in_a_row: 0")), (1, 1), "not for the configured time");
    assert!(told.last_has(&["CircuitSteered", "watched", "forced open"]));
    circuit.force_closed();
    assert_eq!(told.count("CircuitClosed"), 1);
    assert!(told.last_has(&["CircuitSteered", "forced closed"]));
    for (mode, text) in [(Mode::MetricsOnly, "metrics only"), (Mode::Disabled, "disabled"), (Mode::Auto, "auto")] {
        circuit.set_mode(mode);
        assert!(told.last_has(&["CircuitSteered", &format!("{text:?}")]));
        assert_eq!(mode.to_string(), text);
    }
    assert_eq!((told.count("CircuitSteered"), told.count("")), (5, 7));
}

#[test]
fn modes_may_be_changed_while_calls_come_and_go() {
    let (circuit, _clock) = circuit(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for call in 0..3_000 {
                    let _ =
                        circuit.admit().map(|permit| if call % 3 == 0 { permit.success() } else { permit.failure() });
                }
            });
        }
        scope.spawn(|| MODES.into_iter().cycle().take(1_000).for_each(|mode| circuit.set_mode(mode)));
    });
    endings(&circuit);
    circuit.set_mode(Mode::Auto);
    end_all(&circuit, Verdict::transient(), 2);
    assert_eq!(circuit.state(), State::Closed);
    end_all(&circuit, Verdict::transient(), 1);
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 1));
}
