//! The rules that open a circuit: alone, together, and custom ones.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tower::{Layer, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Ratio, State, Verdict,
    breaker::{CancelledCalls, Mode, Probes, TripRule, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, ended_calls, first_failure, open};

const SECOND: Duration = Duration::from_secs(1);
const MICRO: Duration = Duration::from_micros(1);
const FAILURE: Verdict = Verdict::transient();

fn last(calls: u32) -> Window {
    Window::count(calls).unwrap()
}

fn half_fail(window: Window) -> TripRule {
    TripRule::FailureRate { failing: Ratio::HALF, window }
}

/// Trips if half of the calls take longer than a second.
fn half_slow(window: Window) -> TripRule {
    TripRule::SlowCallRate { longer_than: SECOND, share: Ratio::HALF, window }
}

fn circuit(config: BreakerConfig) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    (Circuit::new(config.clock(clock.clone())), clock)
}

/// (calls, failures, timed calls, slow calls) in the windows.
fn held(circuit: &Circuit) -> (u32, u32, u32, u32) {
    let window = circuit.stats().window;
    (window.calls, window.failures, window.timed, window.slow)
}

/// A call that takes `time` and ends with `verdict`.
fn takes(circuit: &Circuit, clock: &ManualClock, time: Duration, verdict: Verdict) {
    let permit = circuit.try_acquire().unwrap();
    clock.advance(time);
    permit.end(verdict);
}

fn is_dropped_after(circuit: &Circuit, clock: &ManualClock, time: Duration) {
    let permit = circuit.try_acquire().unwrap();
    clock.advance(time);
    drop(permit);
}

// tower-resilience: cancelled calls were never counted, so a breaker didn't detect a service that
// hangs if its callers had timeouts.
#[test]
fn a_circuit_with_the_rule_never_stays_closed() {
    for cancelled in [CancelledCalls::FailureIfAll, CancelledCalls::Failure] {
        let (circuit, clock) = circuit(BreakerConfig::default().open_when(TripRule::Never).on_cancelled(cancelled));
        for _ in 0..1_000 {
            takes(&circuit, &clock, SECOND, FAILURE);
            drop(circuit.try_acquire().unwrap());
        }
        assert_eq!(circuit.state(), State::Closed, "{cancelled:?}");
        circuit.force_open();
        assert!(circuit.try_acquire().is_err(), "it can be opened by hand");
    }
}

#[test]
fn never_replaces_rules_but_adds_none() {
    let rule = TripRule::consecutive(1).unwrap();
    let (replaced, _) = circuit(BreakerConfig::default().open_when(rule.clone()).open_when(TripRule::Never));
    replaced.try_acquire().unwrap().failure();
    assert_eq!(replaced.state(), State::Closed);
    let (kept, _) = circuit(BreakerConfig::default().open_when(rule).or_when(TripRule::Never));
    kept.try_acquire().unwrap().failure();
    assert_eq!(kept.state(), State::Open);
}

#[test]
fn a_call_that_was_slow_when_it_was_dropped_counts_as_slow() {
    for window in [last(4), Window::time(60 * SECOND).unwrap().minimum(4).unwrap()] {
        let (circuit, clock) = circuit(counted().open_when(half_slow(window)));
        takes(&circuit, &clock, Duration::ZERO, Verdict::Success);
        is_dropped_after(&circuit, &clock, SECOND);
        assert_eq!(held(&circuit), (0, 0, 1, 0), "dropped in time, it doesn't count");
        is_dropped_after(&circuit, &clock, SECOND + MICRO);
        assert_eq!(held(&circuit), (0, 0, 2, 1), "one of two, but four are needed");
        takes(&circuit, &clock, SECOND, FAILURE);
        assert_eq!(held(&circuit), (0, 0, 3, 1), "a second isn't longer than a second");
        is_dropped_after(&circuit, &clock, 2 * SECOND);
        assert_eq!((circuit.state(), ended_calls(&circuit)), (State::Open, [1, 1, 0, 3]));
    }
}

#[test]
fn a_probe_that_was_slow_when_it_was_dropped_fails() {
    let (circuit, clock) = circuit(counted().open_when(half_slow(last(4))).or_when(first_failure()));
    open(&circuit);
    clock.advance(30 * SECOND);
    is_dropped_after(&circuit, &clock, SECOND);
    assert_eq!(circuit.state(), State::HalfOpen, "dropped in time, it returns its slot");
    is_dropped_after(&circuit, &clock, SECOND + MICRO);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn failures_and_slow_calls_are_counted_separately() {
    let rules = counted().open_when(half_fail(last(4))).or_when(half_slow(last(6)));
    let (circuit, clock) = circuit(rules);
    takes(&circuit, &clock, Duration::ZERO, FAILURE);
    takes(&circuit, &clock, 2 * SECOND, Verdict::Success);
    is_dropped_after(&circuit, &clock, 2 * SECOND);
    assert_eq!(held(&circuit), (2, 1, 3, 2), "dropped after the limit, it is slow and not a failure");
    end_calls(&circuit, Verdict::Success, 2);
    assert_eq!((circuit.state(), held(&circuit)), (State::Closed, (4, 1, 5, 2)), "neither is a half");
    takes(&circuit, &clock, 2 * SECOND, Verdict::Success);
    assert_eq!(circuit.state(), State::Open, "three of six were slow, and one failed");
}

#[test]
fn a_slow_failure_is_both() {
    let rules = counted().open_when(half_fail(last(9))).or_when(half_slow(last(9)));
    let (circuit, clock) = circuit(rules);
    takes(&circuit, &clock, 2 * SECOND, FAILURE);
    assert_eq!(held(&circuit), (1, 1, 1, 1));
}

#[test]
fn a_setting_says_how_a_dropped_call_counts() {
    let cases = [
        (CancelledCalls::Neutral, 9 * SECOND, State::Closed, [0, 0, 0, 1]),
        (CancelledCalls::Failure, Duration::ZERO, State::Open, [0, 1, 0, 0]),
        (CancelledCalls::FailureAfter(SECOND), SECOND, State::Closed, [0, 0, 0, 1]),
        (CancelledCalls::FailureAfter(SECOND), SECOND + MICRO, State::Open, [0, 1, 0, 0]),
        (CancelledCalls::FailureAfter(Duration::MAX), 9 * SECOND, State::Closed, [0, 0, 0, 1]),
    ];
    for (dropped, after, state, ended) in cases {
        for rule in [first_failure(), half_fail(last(1)), half_fail(Window::time(SECOND).unwrap().minimum(1).unwrap())]
        {
            let (circuit, clock) = circuit(counted().open_when(rule).on_cancelled(dropped));
            is_dropped_after(&circuit, &clock, after);
            assert_eq!((circuit.state(), ended_calls(&circuit)), (state, ended), "{dropped:?} after {after:?}");
        }
    }
}

/// A dropped call counts as slow after the limit of the slow-call rule, and as a failure after the
/// limit of `FailureAfter`.
#[test]
fn a_dropped_call_may_be_slow_without_being_a_failure() {
    let rules = counted().open_when(half_fail(last(9))).or_when(half_slow(last(9)));
    let (circuit, clock) = circuit(rules.on_cancelled(CancelledCalls::FailureAfter(3 * SECOND)));
    is_dropped_after(&circuit, &clock, 2 * SECOND);
    assert_eq!(held(&circuit), (0, 0, 1, 1));
    is_dropped_after(&circuit, &clock, 4 * SECOND);
    assert_eq!(held(&circuit), (1, 1, 2, 2));
}

#[test]
fn the_first_of_several_rules_opens_the_circuit() {
    let rules = || {
        let config = counted().open_when(TripRule::consecutive(3).unwrap()).or_when(half_fail(last(10)));
        circuit(config.or_when(half_slow(Window::time(60 * SECOND).unwrap().minimum(4).unwrap())))
    };
    let (by_the_row, _) = rules();
    end_calls(&by_the_row, Verdict::Success, 9);
    end_calls(&by_the_row, FAILURE, 3);
    assert_eq!(by_the_row.state(), State::Open);

    let (by_the_share, _) = rules();
    for _ in 0..5 {
        assert_eq!(by_the_share.state(), State::Closed);
        end_calls(&by_the_share, Verdict::Success, 1);
        end_calls(&by_the_share, FAILURE, 1);
    }
    assert_eq!(by_the_share.state(), State::Open);

    let (by_time, clock) = rules();
    for _ in 0..4 {
        assert_eq!(by_time.state(), State::Closed);
        takes(&by_time, &clock, 2 * SECOND, Verdict::Success);
    }
    assert_eq!(by_time.state(), State::Open);
}

#[test]
fn a_rule_replaces_its_kind_and_open_when_replaces_all() {
    let (row, _) = circuit(counted().or_when(first_failure()).or_when(TripRule::consecutive(2).unwrap()));
    end_calls(&row, FAILURE, 1);
    assert_eq!(row.state(), State::Closed);

    let all = counted().or_when(first_failure()).or_when(half_fail(last(1))).or_when(half_slow(last(1)));
    let (only, clock) = circuit(all.open_when(half_fail(last(3))));
    takes(&only, &clock, 9 * SECOND, FAILURE);
    takes(&only, &clock, 9 * SECOND, FAILURE);
    assert_eq!((only.state(), held(&only)), (State::Closed, (2, 2, 0, 0)));
    takes(&only, &clock, Duration::ZERO, FAILURE);
    clock.advance(30 * SECOND);
    is_dropped_after(&only, &clock, 9 * SECOND);
    assert_eq!(only.state(), State::HalfOpen, "a dropped probe counts as without the slow-call rule");
}

type Asked = Arc<Mutex<Vec<(u32, u32, u32)>>>;

/// A custom rule that records its arguments and trips at this many failures in the window.
fn at_failures(failures: u32, window: Window) -> (TripRule, Asked) {
    let asked = Asked::default();
    let recorder = Arc::clone(&asked);
    let rule = TripRule::custom(window, move |in_a_row: u32, window: &tower_recourse::breaker::WindowStats| {
        recorder.lock().unwrap().push((in_a_row, window.calls, window.failures));
        window.failures >= failures
    });
    (rule, asked)
}

#[test]
fn a_custom_rule_receives_the_row_and_the_window_at_each_call() {
    for window in [last(3).minimum(1).unwrap(), Window::time(SECOND).unwrap().minimum(1).unwrap()] {
        let (rule, asked) = at_failures(2, window);
        let (circuit, _) = circuit(counted().open_when(rule));
        end_calls(&circuit, FAILURE, 1);
        end_calls(&circuit, Verdict::Success, 1);
        assert_eq!((circuit.state(), circuit.stats().failures_in_a_row), (State::Closed, 0));
        end_calls(&circuit, FAILURE, 1);
        assert_eq!(circuit.state(), State::Open);
        assert_eq!(*asked.lock().unwrap(), [(1, 1, 1), (0, 2, 1), (1, 3, 2)]);
    }
}

// A former bug: the breaker evaluated a custom rule from the first call on, and all other rules
// only after the minimum of the same window.
#[test]
fn a_custom_rule_waits_for_the_minimum_of_its_window() {
    let (rule, asked) = at_failures(1, last(4).minimum(3).unwrap());
    let (circuit, _) = circuit(counted().open_when(rule));
    end_calls(&circuit, FAILURE, 2);
    assert_eq!((circuit.state(), asked.lock().unwrap().len()), (State::Closed, 0));
    end_calls(&circuit, Verdict::Success, 1);
    assert_eq!((circuit.state(), asked.lock().unwrap().clone()), (State::Open, vec![(0, 3, 2)]));
}

#[test]
fn the_last_minimum_counts_for_both_failure_rules() {
    let (rule, asked) = at_failures(1, last(9));
    let ratio = TripRule::FailureRate { failing: Ratio::percent(100).unwrap(), window: last(4).minimum(2).unwrap() };
    let (circuit, _) = circuit(counted().open_when(rule).or_when(ratio));
    end_calls(&circuit, Verdict::Success, 1);
    end_calls(&circuit, FAILURE, 1);
    assert_eq!((circuit.state(), asked.lock().unwrap().clone()), (State::Open, vec![(1, 2, 1)]));
}

#[test]
fn a_custom_rule_works_beside_other_rules() {
    let (rule, _) = at_failures(3, last(9).minimum(1).unwrap());
    let (circuit, clock) = circuit(counted().open_when(rule).or_when(half_slow(last(2))));
    takes(&circuit, &clock, 2 * SECOND, FAILURE);
    takes(&circuit, &clock, Duration::ZERO, FAILURE);
    assert_eq!(circuit.state(), State::Open, "one of two was slow");
    clock.advance(30 * SECOND);
    circuit.try_acquire().unwrap().success();
    for _ in 0..3 {
        assert_eq!(circuit.state(), State::Closed);
        end_calls(&circuit, FAILURE, 1);
        end_calls(&circuit, Verdict::Success, u32::from(circuit.state() == State::Closed));
    }
    assert_eq!(circuit.state(), State::Open, "three have failed");
}

#[test]
fn the_debug_output_of_a_config_names_a_custom_rule() {
    let (rule, _) = at_failures(2, last(3));
    assert!(format!("{:?}", counted().open_when(rule)).contains("custom rule"));
}

// The window that was set last applies to both rules, with its minimum. The minimum of the earlier
// window may be more calls than the last window can hold.
#[test]
fn a_failure_rate_opens_with_the_window_of_a_custom_rule() {
    let (never, _) = at_failures(u32::MAX, last(4));
    let (circuit, _) = circuit(counted().open_when(half_fail(last(100))).or_when(never));
    end_calls(&circuit, Verdict::Success, 2);
    end_calls(&circuit, FAILURE, 1);
    assert_eq!(circuit.state(), State::Closed);
    end_calls(&circuit, FAILURE, 1);
    assert_eq!(circuit.state(), State::Open);
}

/// Windows count in metrics-only mode and while forced closed, but not while disabled.
#[test]
fn rules_count_in_metrics_only_mode() {
    let window = Window::time(10 * SECOND).unwrap().minimum(2).unwrap();
    let (circuit, clock) = circuit(counted().open_when(half_fail(window)).or_when(half_slow(last(2))));
    for mode in [Mode::MetricsOnly, Mode::ForcedClosed] {
        circuit.set_mode(mode);
        takes(&circuit, &clock, 2 * SECOND, FAILURE);
        is_dropped_after(&circuit, &clock, 2 * SECOND);
        takes(&circuit, &clock, Duration::ZERO, FAILURE);
        assert_eq!((circuit.state(), held(&circuit)), (State::Closed, (2, 2, 2, 1)), "{mode}");
    }
    circuit.set_mode(Mode::Disabled);
    takes(&circuit, &clock, 2 * SECOND, FAILURE);
    assert_eq!(held(&circuit), (0, 0, 0, 0));
}

// A caller may hold a ready service for a long time before it calls, or never call.
#[tokio::test(start_paused = true)]
async fn a_permit_from_readiness_does_not_count_its_wait_as_slow() {
    let circuit = Circuit::new(counted().open_when(half_slow(last(3))));
    let layer = BreakerLayer::on(&circuit).wait_when_open();
    let echo = service_fn(|time: Duration| async move {
        tokio::time::sleep(time).await;
        Ok::<_, &str>(())
    });
    let mut service = layer.layer(echo);
    service.ready().await.unwrap();
    tokio::time::advance(5 * SECOND).await;
    service.call(Duration::ZERO).await.unwrap();
    assert_eq!(held(&circuit), (0, 0, 1, 0), "used late, only the call is measured");

    service.ready().await.unwrap();
    tokio::time::advance(5 * SECOND).await;
    drop(service);
    assert_eq!(held(&circuit), (0, 0, 1, 0), "dropped late, there was no call");

    let mut service = layer.layer(echo);
    service.ready().await.unwrap().call(2 * SECOND).await.unwrap();
    assert_eq!(held(&circuit), (0, 0, 2, 1), "and a slow call is slow");
}

#[test]
fn k_of_n_failures_open_it_for_any_k_and_n() {
    for n in 1..=20 {
        for k in 1..=n {
            let by_number = Ratio::new(f64::from(k) / f64::from(n)).unwrap();
            for failing in [by_number, Ratio::of(k, n).unwrap()] {
                let (circuit, _clock) =
                    circuit(counted().open_when(TripRule::FailureRate { failing, window: last(n) }));
                end_calls(&circuit, Verdict::Success, n - k);
                end_calls(&circuit, FAILURE, k - 1);
                assert_eq!(circuit.state(), State::Closed, "{k} of {n}, one too few");
                end_calls(&circuit, FAILURE, 1);
                assert_eq!(circuit.state(), State::Open, "{k} of {n}");
            }
        }
    }
}

#[test]
fn k_of_n_slow_calls_open_it_too() {
    for (k, n) in [(2, 3), (3, 7), (7, 11), (13, 19)] {
        let share = Ratio::new(f64::from(k) / f64::from(n)).unwrap();
        let rule = TripRule::SlowCallRate { longer_than: SECOND, share, window: last(n) };
        let (circuit, clock) = circuit(counted().open_when(rule));
        end_calls(&circuit, Verdict::Success, n - k);
        for slow in 1..=k {
            assert_eq!(circuit.state(), State::Closed, "{slow} of {k} of {n}");
            let permit = circuit.try_acquire().unwrap();
            clock.advance(SECOND + MICRO);
            permit.success();
        }
        assert_eq!(circuit.state(), State::Open, "{k} of {n}");
    }
}

#[test]
fn k_of_n_failed_probes_reopen_it() {
    for (k, n) in [(1, 3), (2, 3), (3, 7), (7, 11), (13, 19)] {
        let share = Ratio::new(f64::from(k) / f64::from(n)).unwrap();
        for (failures, then) in [(k - 1, State::Closed), (k, State::Open)] {
            let probes = Probes::failure_rate(n, share).unwrap();
            let (circuit, clock) = circuit(counted().open_when(first_failure()).probes(probes));
            open(&circuit);
            clock.advance(30 * SECOND);
            end_calls(&circuit, FAILURE, failures);
            end_calls(&circuit, Verdict::Success, n - failures);
            assert_eq!(circuit.state(), then, "{failures} of {n}, for {k} of {n}");
        }
    }
}
