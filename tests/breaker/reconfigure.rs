//! Settings that change at run time (resilience4j#975).

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State, Verdict,
    breaker::{CancelledCalls, HalfOpenTimeout, Mode, OpenDuration, Probes, TripRule, Window, WindowStats},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls, first_failure, open};
use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::{EventLog, secs};

fn half_of(calls: u32, minimum: u32) -> BreakerConfig {
    let window = Window::count(calls).unwrap().minimum(minimum).unwrap();
    counted().open_when(TripRule::FailureRate { failing: Ratio::HALF, window })
}

fn half_open(probes: Probes) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(first_failure()).probes(probes).clock(clock.clone()));
    open(&circuit);
    clock.advance(secs(30));
    assert_eq!(circuit.state(), State::HalfOpen);
    (circuit, clock)
}

#[test]
fn counts_are_kept_if_the_windows_are_the_same() {
    let circuit = Circuit::new(half_of(10, 10));
    end_calls(&circuit, Verdict::Success, 3);
    end_calls(&circuit, Verdict::transient(), 2);
    let under_way = circuit.try_acquire().unwrap();
    circuit.reconfigure(half_of(10, 6));
    assert_eq!((circuit.stats().window.calls, circuit.stats().failures_in_a_row), (5, 2));
    under_way.failure();
    assert_eq!(circuit.state(), State::Open, "three of six, with the new minimum and an earlier call");
}

#[test]
fn a_row_of_failures_continues_under_another_limit() {
    let row = |failures| counted().open_when(TripRule::consecutive(failures).unwrap());
    let circuit = Circuit::new(row(9));
    end_calls(&circuit, Verdict::transient(), 5);
    circuit.reconfigure(row(3));
    assert_eq!(
        (circuit.state(), circuit.stats().threshold),
        (State::Closed, Some(3)),
        "nothing changes without a call"
    );
    end_calls(&circuit, Verdict::transient(), 1);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn new_windows_start_empty_and_running_calls_do_not_count() {
    let circuit = Circuit::new(half_of(10, 10));
    end_calls(&circuit, Verdict::transient(), 9);
    let under_way = circuit.try_acquire().unwrap();
    circuit.reconfigure(half_of(4, 4));
    let stats = circuit.stats();
    assert_eq!((stats.window.calls, stats.failures_in_a_row, stats.transitions), (0, 0, 0));
    under_way.failure();
    end_calls(&circuit, Verdict::transient(), 3);
    assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 3));
    end_calls(&circuit, Verdict::transient(), 1);
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [0, 14, 0, 0]));
}

#[test]
fn a_window_that_is_configured_again_starts_empty() {
    let time = TripRule::FailureRate { failing: Ratio::HALF, window: Window::time(secs(60)).unwrap() };
    let configs = [half_of(10, 10), half_of(4, 4), counted().open_when(time)];
    let circuit = Circuit::new(configs[0].clone());
    for turn in 0..30 {
        end_calls(&circuit, Verdict::transient(), 3);
        let stats = circuit.stats();
        assert_eq!((stats.state, stats.window.calls, stats.window.failures), (State::Closed, 3, 3), "turn {turn}");
        circuit.reconfigure(configs[(turn + 1) % 3].clone());
        assert_eq!(circuit.stats().window.calls, 0, "turn {turn}");
    }
    circuit.reconfigure(half_of(4, 4));
    end_calls(&circuit, Verdict::transient(), 4);
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [0, 94, 0, 0]));
}

#[test]
fn windows_changed_while_open_count_from_the_next_closing_on() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(half_of(4, 4).clock(clock.clone()));
    end_calls(&circuit, Verdict::transient(), 4);
    circuit.reconfigure(half_of(6, 6));
    circuit.reconfigure(half_of(4, 4));
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 1));
    clock.advance(secs(30));
    circuit.try_acquire().unwrap().success();
    assert_eq!((circuit.state(), circuit.stats().window.calls), (State::Closed, 0));
    end_calls(&circuit, Verdict::transient(), 3);
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn state_totals_mode_and_a_running_open_duration_are_kept() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(first_failure()).clock(clock.clone()));
    open(&circuit);
    circuit.try_acquire().unwrap_err();
    circuit.reconfigure(half_of(5, 5).open_for(OpenDuration::fixed(secs(3))).clock(ManualClock::new()));
    let stats = circuit.stats();
    assert_eq!((stats.state, stats.total_failures, stats.total_rejected), (State::Open, 1, 1));
    assert_eq!((stats.retry_in, stats.open_for), (Some(secs(30)), secs(3)));
    clock.advance(secs(30));
    circuit.try_acquire().unwrap().failure();
    assert_eq!(circuit.retry_in(), Some(secs(3)), "the clock stays, and the next open duration is new");
    for mode in [Mode::ForcedOpen, Mode::ForcedClosed, Mode::MetricsOnly, Mode::Disabled] {
        circuit.set_mode(mode);
        circuit.reconfigure(counted());
        circuit.reconfigure(half_of(5, 5));
        assert_eq!(circuit.mode(), mode);
        assert_eq!(circuit.try_acquire().is_err(), mode == Mode::ForcedOpen);
    }
}

#[test]
fn names_and_observers_change_too() {
    let (before, after) = (EventLog::default(), EventLog::default());
    let circuit = Circuit::new(counted().name("before").observe(before.observer()));
    circuit.reconfigure(counted().name("after").open_when(first_failure()).observe(after.observer()));
    open(&circuit);
    assert!(after.last_has(&["CircuitOpened", "after"]));
    assert_eq!((before.count(""), circuit.name().as_str()), (0, "after"));
    assert_eq!(circuit.try_acquire().unwrap_err().name().as_str(), "after");
}

#[test]
fn a_dropped_call_counts_by_the_settings_at_its_drop() {
    let circuit = Circuit::new(counted().open_when(first_failure()));
    let call = circuit.try_acquire().unwrap();
    circuit.reconfigure(counted().open_when(first_failure()).on_cancelled(CancelledCalls::Failure));
    drop(call);
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [0, 1, 0, 0]));
}

// As in resilience4j#935 and #1681, a circuit could stay half-open and admit no calls.
#[test]
fn a_half_open_circuit_may_need_fewer_probes_than_it_has_had() {
    let (circuit, _clock) = half_open(Probes::successes(5).unwrap());
    end_calls(&circuit, Verdict::Success, 3);
    circuit.reconfigure(counted().open_when(first_failure()).probes(Probes::successes(2).unwrap()));
    end_calls(&circuit, Verdict::Success, 1);
    assert_eq!(
        (circuit.state(), circuit.stats().window.calls),
        (State::HalfOpen, 1),
        "a new round with the new settings"
    );
    end_calls(&circuit, Verdict::Success, 1);
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_running_probe_decides_by_the_new_settings() {
    let (circuit, _clock) = half_open(Probes::successes(5).unwrap());
    end_calls(&circuit, Verdict::Success, 3);
    let probe = circuit.try_acquire().unwrap();
    circuit.reconfigure(counted().open_when(first_failure()).probes(Probes::successes(2).unwrap()));
    circuit.try_acquire().unwrap_err();
    probe.success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn fewer_concurrent_probes_apply_at_once() {
    let three = Probes::successes(9).unwrap().max_concurrent(3).unwrap();
    let (circuit, _clock) = half_open(three);
    let mut probes: Vec<_> = (0..3).map(|_| circuit.try_acquire().unwrap()).collect();
    circuit.reconfigure(counted().open_when(first_failure()).probes(three.max_concurrent(1).unwrap()));
    for _ in 0..3 {
        circuit.try_acquire().unwrap_err();
        probes.pop().unwrap().success();
    }
    let _probe = circuit.try_acquire().unwrap();
    circuit.try_acquire().unwrap_err();
}

#[test]
fn a_half_open_limit_is_removed_at_once_or_applies_next_time() {
    let limited = Probes::one().max_half_open(secs(5), HalfOpenTimeout::Open).unwrap();
    let (circuit, clock) = half_open(limited);
    let _hangs = circuit.try_acquire().unwrap();
    circuit.reconfigure(counted().open_when(first_failure()).probes(Probes::one()));
    clock.advance(secs(5));
    assert_eq!(circuit.state(), State::HalfOpen);
    circuit.reconfigure(counted().open_when(first_failure()).probes(limited));
    assert_eq!(circuit.state(), State::Open, "the same limit, which has passed");

    let (circuit, clock) = half_open(Probes::one());
    circuit.reconfigure(counted().open_when(first_failure()).probes(limited));
    clock.advance(secs(5));
    circuit.try_acquire().unwrap().failure();
    clock.advance(secs(30));
    let _hangs = circuit.try_acquire().unwrap();
    assert_eq!(circuit.state(), State::HalfOpen);
    clock.advance(secs(5));
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn metrics_only_reports_again_for_other_windows() {
    let events = EventLog::default();
    let config = |calls| half_of(calls, calls).observe(events.observer());
    let circuit = Circuit::new(config(4));
    circuit.set_mode(Mode::MetricsOnly);
    end_calls(&circuit, Verdict::transient(), 9);
    circuit.reconfigure(config(3));
    end_calls(&circuit, Verdict::transient(), 9);
    assert_eq!(events.count("CircuitWouldOpen"), 2);
}

// A former bug: the circuit didn't report that the failures had reached a lower limit, because it
// had already reported a higher one.
#[test]
fn metrics_only_reports_again_for_other_rules_only() {
    let events = EventLog::default();
    let never = |_: u32, _: &WindowStats| false;
    let own = TripRule::custom(Window::count(10).unwrap(), never);
    let config = |minimum| {
        let window = Window::count(10).unwrap().minimum(minimum).unwrap();
        let ratio = TripRule::FailureRate { failing: Ratio::HALF, window };
        counted().open_when(own.clone()).or_when(ratio).observe(events.observer())
    };
    let circuit = Circuit::new(config(4));
    circuit.set_mode(Mode::MetricsOnly);
    end_calls(&circuit, Verdict::transient(), 9);
    for (minimum, times) in [(4, 1), (3, 2), (3, 2), (4, 3)] {
        circuit.reconfigure(config(minimum));
        end_calls(&circuit, Verdict::transient(), 1);
        assert_eq!(events.count("CircuitWouldOpen"), times, "a minimum of {minimum}");
    }
    assert_eq!(circuit.stats().window.calls, 10, "and the counts are kept");
}

#[test]
fn metrics_only_reports_again_for_another_custom_rule() {
    let events = EventLog::default();
    let own = || TripRule::custom(Window::count(10).unwrap(), |_: u32, seen: &WindowStats| seen.failures >= 2);
    let (one, other) = (own(), own());
    let config = |rule: &TripRule| counted().open_when(rule.clone()).observe(events.observer());
    let circuit = Circuit::new(config(&one));
    circuit.set_mode(Mode::MetricsOnly);
    end_calls(&circuit, Verdict::transient(), 9);
    for (rule, times) in [(&one, 1), (&other, 2), (&other, 2), (&one, 3)] {
        circuit.reconfigure(config(rule));
        end_calls(&circuit, Verdict::transient(), 1);
        assert_eq!(events.count("CircuitWouldOpen"), times);
    }
}

// A former bug: after counting was switched on, the totals included the ends of calls that weren't
// counted as admitted, and earlier failures were lost.
#[test]
fn totals_agree_whenever_counting_is_switched_on_or_off() {
    let (counts, does_not) = (counted(), BreakerConfig::default().fixed().without_observers());
    let circuit = Circuit::new(does_not.clone());
    let one_of_each = || {
        circuit.try_acquire().unwrap().success();
        circuit.try_acquire().unwrap().neutral();
        drop(circuit.try_acquire().unwrap());
        circuit.try_acquire().unwrap().failure();
    };
    one_of_each();
    let uncounted = [(); 3].map(|()| circuit.try_acquire().unwrap());
    circuit.reconfigure(counts.clone());
    assert_eq!(ended_calls(&circuit), [0, 1, 1, 1], "the calls that always count were admitted too");
    one_of_each();
    let counted = [(); 3].map(|()| circuit.try_acquire().unwrap());
    circuit.reconfigure(does_not);
    assert_eq!((circuit.stats().total_admitted, circuit.stats().total_successes), (None, None));
    one_of_each();
    for [success, failure, dropped] in [uncounted, counted] {
        success.success();
        failure.failure();
        drop(dropped);
    }
    circuit.reconfigure(counts);
    assert_eq!(ended_calls(&circuit), [2, 5, 3, 5], "only successes of calls that began while counting was on");
}

#[test]
fn settings_of_two_threads_are_never_mixed() {
    const ROUNDS: u32 = 20_000;
    let (circuit, turn) = (Circuit::new(counted()), std::sync::Barrier::new(2));
    let (four, seven) = (half_of(4, 4), counted().open_when(TripRule::consecutive(7).unwrap()));
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
            end_calls(&circuit, Verdict::transient(), expected - 1);
            let closed_before = circuit.state() == State::Closed;
            circuit.try_acquire().unwrap().failure();
            torn += u32::from(!closed_before || circuit.state() != State::Open);
            circuit.reset();
        }
        // The assertion comes after the loop: a panic in the loop would leave the other thread
        // waiting at the barrier forever.
        assert_eq!(torn, 0);
    });
}

#[test]
fn calls_run_while_settings_change() {
    let circuit = Circuit::new(half_of(100, 50));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for call in 0..3_000 {
                    let permit = circuit.try_acquire().expect("a tenth of failures opens nothing");
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
    assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Closed, [5_400, 600, 0, 0]));
    circuit.reconfigure(half_of(4, 4));
    circuit.reset();
    end_calls(&circuit, Verdict::transient(), 4);
    assert_eq!((circuit.state(), circuit.stats().retry_in.is_some()), (State::Open, true));
}
