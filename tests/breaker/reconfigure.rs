//! Settings exchanged while running (resilience4j#975).

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State, Verdict,
    breaker::{Dropped, Mode, OpenFor, OpenRule, Probes, Undecided, Window, WindowStats},
    time::ManualClock,
};

use crate::circuits::{at_once, counted, end_all, endings, open};
use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::{Told, secs};

fn half_of(calls: u32, minimum: u32) -> BreakerConfig {
    let window = Window::count(calls).unwrap().minimum(minimum).unwrap();
    counted().open_when(OpenRule::Ratio { failing: Ratio::HALF, window })
}

fn half_open(probes: Probes) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(at_once()).probes(probes).clock(clock.clone()));
    open(&circuit);
    clock.advance(secs(30));
    assert_eq!(circuit.state(), State::HalfOpen);
    (circuit, clock)
}

#[test]
fn counts_stay_if_the_windows_are_the_same() {
    let circuit = Circuit::new(half_of(10, 10));
    end_all(&circuit, Verdict::Success, 3);
    end_all(&circuit, Verdict::transient(), 2);
    let under_way = circuit.admit().unwrap();
    circuit.reconfigure(half_of(10, 6));
    assert_eq!((circuit.stats().window.calls, circuit.stats().failures_in_a_row), (5, 2));
    under_way.failure();
    assert_eq!(circuit.state(), State::Open, "three of six, by the new minimum, with a call from before");
}

#[test]
fn a_row_of_failures_goes_on_under_another_limit() {
    let row = |failures| counted().open_when(OpenRule::consecutive(failures).unwrap());
    let circuit = Circuit::new(row(9));
    end_all(&circuit, Verdict::transient(), 5);
    circuit.reconfigure(row(3));
    assert_eq!((circuit.state(), circuit.stats().threshold), (State::Closed, Some(3)), "nothing happens by itself");
    end_all(&circuit, Verdict::transient(), 1);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn other_windows_count_anew_and_calls_of_before_do_not_count() {
    let circuit = Circuit::new(half_of(10, 10));
    end_all(&circuit, Verdict::transient(), 9);
    let under_way = circuit.admit().unwrap();
    circuit.reconfigure(half_of(4, 4));
    let stats = circuit.stats();
    assert_eq!((stats.window.calls, stats.failures_in_a_row, stats.transitions), (0, 0, 0));
    under_way.failure();
    end_all(&circuit, Verdict::transient(), 3);
    assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 3));
    end_all(&circuit, Verdict::transient(), 1);
    assert_eq!((circuit.state(), endings(&circuit)), (State::Open, [0, 14, 0, 0]));
}

#[test]
fn windows_that_come_back_have_forgotten_what_they_held() {
    let time = OpenRule::Ratio { failing: Ratio::HALF, window: Window::time(secs(60)).unwrap() };
    let configs = [half_of(10, 10), half_of(4, 4), counted().open_when(time)];
    let circuit = Circuit::new(configs[0].clone());
    for turn in 0..30 {
        end_all(&circuit, Verdict::transient(), 3);
        let stats = circuit.stats();
        assert_eq!((stats.state, stats.window.calls, stats.window.failures), (State::Closed, 3, 3), "turn {turn}");
        circuit.reconfigure(configs[(turn + 1) % 3].clone());
        assert_eq!(circuit.stats().window.calls, 0, "turn {turn}");
    }
    circuit.reconfigure(half_of(4, 4));
    end_all(&circuit, Verdict::transient(), 4);
    assert_eq!((circuit.state(), endings(&circuit)), (State::Open, [0, 94, 0, 0]));
}

#[test]
fn windows_exchanged_while_open_count_from_the_next_closing_on() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(half_of(4, 4).clock(clock.clone()));
    end_all(&circuit, Verdict::transient(), 4);
    circuit.reconfigure(half_of(6, 6));
    circuit.reconfigure(half_of(4, 4));
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 1));
    clock.advance(secs(30));
    circuit.admit().unwrap().success();
    assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 0));
    end_all(&circuit, Verdict::transient(), 3);
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn state_totals_and_mode_stay_and_an_open_time_that_has_begun() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(at_once()).clock(clock.clone()));
    open(&circuit);
    circuit.admit().unwrap_err();
    circuit.reconfigure(half_of(5, 5).open_for(OpenFor::fixed(secs(3))).clock(ManualClock::new()));
    let stats = circuit.stats();
    assert_eq!((stats.state, stats.total_failures, stats.total_rejected), (State::Open, 1, 1));
    assert_eq!((stats.retry_in, stats.open_for), (Some(secs(30)), secs(3)));
    clock.advance(secs(30));
    circuit.admit().unwrap().failure();
    assert_eq!(circuit.retry_in(), Some(secs(3)), "the clock is the same, the next open time a new one");
    for mode in [Mode::ForcedOpen, Mode::ForcedClosed, Mode::MetricsOnly, Mode::Disabled] {
        circuit.set_mode(mode);
        circuit.reconfigure(counted());
        circuit.reconfigure(half_of(5, 5));
        assert_eq!(circuit.mode(), mode);
        assert_eq!(circuit.admit().is_err(), mode == Mode::ForcedOpen);
    }
}

#[test]
fn names_and_observers_are_exchanged_too() {
    let (before, after) = (Told::default(), Told::default());
    let circuit = Circuit::new(counted().name("before").observe(before.observer()));
    circuit.reconfigure(counted().name("after").open_when(at_once()).observe(after.observer()));
    open(&circuit);
    assert!(after.last_has(&["CircuitOpened", "after"]));
    assert_eq!((before.count(""), circuit.name().as_str()), (0, "after"));
    assert_eq!(circuit.admit().unwrap_err().name().as_str(), "after");
}

#[test]
fn what_a_dropped_call_counts_as_is_what_holds_when_it_is_dropped() {
    let circuit = Circuit::new(counted().open_when(at_once()));
    let call = circuit.admit().unwrap();
    circuit.reconfigure(counted().open_when(at_once()).dropped(Dropped::Failure));
    drop(call);
    assert_eq!((circuit.state(), endings(&circuit)), (State::Open, [0, 1, 0, 0]));
}

// resilience4j#935, #1681 in another dress: half-open, and nobody gets in any more.
#[test]
fn a_half_open_circuit_that_needs_fewer_probes_than_it_has_had_goes_on() {
    let (circuit, _clock) = half_open(Probes::successes(5).unwrap());
    end_all(&circuit, Verdict::Success, 3);
    circuit.reconfigure(counted().open_when(at_once()).probes(Probes::successes(2).unwrap()));
    end_all(&circuit, Verdict::Success, 1);
    assert_eq!(
        (circuit.state(), circuit.stats().window.calls),
        (State::HalfOpen, 1),
        "a new round by the new settings"
    );
    end_all(&circuit, Verdict::Success, 1);
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_probe_on_its_way_decides_by_the_new_settings() {
    let (circuit, _clock) = half_open(Probes::successes(5).unwrap());
    end_all(&circuit, Verdict::Success, 3);
    let probe = circuit.admit().unwrap();
    circuit.reconfigure(counted().open_when(at_once()).probes(Probes::successes(2).unwrap()));
    circuit.admit().unwrap_err();
    probe.success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn fewer_probes_at_a_time_hold_from_now_on() {
    let three = Probes::successes(9).unwrap().at_a_time(3).unwrap();
    let (circuit, _clock) = half_open(three);
    let mut probes: Vec<_> = (0..3).map(|_| circuit.admit().unwrap()).collect();
    circuit.reconfigure(counted().open_when(at_once()).probes(three.at_a_time(1).unwrap()));
    for _ in 0..3 {
        circuit.admit().unwrap_err();
        probes.pop().unwrap().success();
    }
    let _probe = circuit.admit().unwrap();
    circuit.admit().unwrap_err();
}

#[test]
fn a_limit_of_the_time_in_half_open_is_taken_away_or_holds_from_the_next_time_on() {
    let limited = Probes::one().within(secs(5), Undecided::Open).unwrap();
    let (circuit, clock) = half_open(limited);
    let _hangs = circuit.admit().unwrap();
    circuit.reconfigure(counted().open_when(at_once()).probes(Probes::one()));
    clock.advance(secs(5));
    assert_eq!(circuit.state(), State::HalfOpen);
    circuit.reconfigure(counted().open_when(at_once()).probes(limited));
    assert_eq!(circuit.state(), State::Open, "the same time, which is over");

    let (circuit, clock) = half_open(Probes::one());
    circuit.reconfigure(counted().open_when(at_once()).probes(limited));
    clock.advance(secs(5));
    circuit.admit().unwrap().failure();
    clock.advance(secs(30));
    let _hangs = circuit.admit().unwrap();
    assert_eq!(circuit.state(), State::HalfOpen);
    clock.advance(secs(5));
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn what_only_measures_tells_again_of_other_windows() {
    let told = Told::default();
    let config = |calls| half_of(calls, calls).observe(told.observer());
    let circuit = Circuit::new(config(4));
    circuit.set_mode(Mode::MetricsOnly);
    end_all(&circuit, Verdict::transient(), 9);
    circuit.reconfigure(config(3));
    end_all(&circuit, Verdict::transient(), 9);
    assert_eq!(told.count("CircuitWouldOpen"), 2);
}

// A lower limit was never told of: the circuit had told once, of the one before.
#[test]
fn what_only_measures_tells_again_of_other_rules_and_not_of_the_same() {
    let told = Told::default();
    let never = |_: u32, _: &WindowStats| false;
    let own = OpenRule::custom(Window::count(10).unwrap(), never);
    let config = |minimum| {
        let window = Window::count(10).unwrap().minimum(minimum).unwrap();
        let ratio = OpenRule::Ratio { failing: Ratio::HALF, window };
        counted().open_when(own.clone()).or_when(ratio).observe(told.observer())
    };
    let circuit = Circuit::new(config(4));
    circuit.set_mode(Mode::MetricsOnly);
    end_all(&circuit, Verdict::transient(), 9);
    for (minimum, times) in [(4, 1), (3, 2), (3, 2), (4, 3)] {
        circuit.reconfigure(config(minimum));
        end_all(&circuit, Verdict::transient(), 1);
        assert_eq!(told.count("CircuitWouldOpen"), times, "a minimum of {minimum}");
    }
    assert_eq!(circuit.stats().window.calls, 10, "and what was counted stays");
}

#[test]
fn what_only_measures_tells_again_of_another_rule_of_ones_own() {
    let told = Told::default();
    let own = || OpenRule::custom(Window::count(10).unwrap(), |_: u32, seen: &WindowStats| seen.failures >= 2);
    let (one, other) = (own(), own());
    let config = |rule: &OpenRule| counted().open_when(rule.clone()).observe(told.observer());
    let circuit = Circuit::new(config(&one));
    circuit.set_mode(Mode::MetricsOnly);
    end_all(&circuit, Verdict::transient(), 9);
    for (rule, times) in [(&one, 1), (&other, 2), (&other, 2), (&one, 3)] {
        circuit.reconfigure(config(rule));
        end_all(&circuit, Verdict::transient(), 1);
        assert_eq!(told.count("CircuitWouldOpen"), times);
    }
}

// Switched on late, calls on their way ended that had never been admitted, and failures of before were nobody's.
#[test]
fn every_call_that_was_admitted_has_ended_once_whenever_counting_is_switched_on_or_off() {
    let (counts, does_not) = (counted(), BreakerConfig::default().fixed().unobserved());
    let circuit = Circuit::new(does_not.clone());
    let one_of_each = || {
        circuit.admit().unwrap().success();
        circuit.admit().unwrap().neutral();
        drop(circuit.admit().unwrap());
        circuit.admit().unwrap().failure();
    };
    one_of_each();
    let uncounted = [(); 3].map(|()| circuit.admit().unwrap());
    circuit.reconfigure(counts.clone());
    assert_eq!(endings(&circuit), [0, 1, 1, 1], "what is always counted was admitted too");
    one_of_each();
    let counted = [(); 3].map(|()| circuit.admit().unwrap());
    circuit.reconfigure(does_not);
    assert_eq!((circuit.stats().total_admitted, circuit.stats().total_successes), (None, None));
    one_of_each();
    for [success, failure, dropped] in [uncounted, counted] {
        success.success();
        failure.failure();
        drop(dropped);
    }
    circuit.reconfigure(counts);
    assert_eq!(endings(&circuit), [2, 5, 3, 5], "of the successes, those of calls that began while they were counted");
}

#[test]
fn settings_of_two_threads_at_once_are_those_of_one_of_them() {
    const ROUNDS: u32 = 20_000;
    let (circuit, turn) = (Circuit::new(counted()), std::sync::Barrier::new(2));
    let (four, seven) = (half_of(4, 4), counted().open_when(OpenRule::consecutive(7).unwrap()));
    let exchange = |config: &BreakerConfig| {
        turn.wait();
        circuit.reconfigure(config.clone());
        turn.wait();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| (0..ROUNDS).for_each(|_| exchange(&seven)));
        let mut torn = 0;
        for _ in 0..ROUNDS {
            exchange(&four);
            let expected = if circuit.stats().threshold.is_some() { 7 } else { 4 };
            end_all(&circuit, Verdict::transient(), expected - 1);
            let closed_before = circuit.state() == State::Closed;
            circuit.admit().unwrap().failure();
            torn += u32::from(!closed_before || circuit.state() != State::Open);
            circuit.reset();
        }
        // Not sooner: the other thread waits for its turns.
        assert_eq!(torn, 0);
    });
}

#[test]
fn calls_come_and_go_while_settings_are_exchanged() {
    let circuit = Circuit::new(half_of(100, 50));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for call in 0..3_000 {
                    let permit = circuit.admit().expect("a tenth of failures opens nothing");
                    if call % 10 == 0 { permit.failure() } else { permit.success() }
                }
            });
        }
        for sizes in [[100, 60], [80, 100]] {
            let circuit = &circuit;
            scope.spawn(move || {
                sizes.into_iter().cycle().take(600).for_each(|calls| circuit.reconfigure(half_of(calls, 50)));
            });
        }
    });
    assert_eq!((circuit.state(), endings(&circuit)), (State::Closed, [5_400, 600, 0, 0]));
    circuit.reconfigure(half_of(4, 4));
    circuit.reset();
    end_all(&circuit, Verdict::transient(), 4);
    assert_eq!((circuit.state(), circuit.stats().retry_in.is_some()), (State::Open, true));
}
