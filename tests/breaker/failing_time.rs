//! Trip rules and open durations that depend on how long calls have been failing.

use std::{num::NonZeroU32, time::Duration};

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State, Verdict,
    breaker::{CancelledCalls, Mode, OpenContext, OpenDuration, TripRule, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls};
use crate::scripted::{EventLog, ms, secs};

fn timed(config: BreakerConfig) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    (Circuit::new(config.clock(clock.clone())), clock)
}

fn lasting(failures: u32, time: Duration) -> TripRule {
    TripRule::consecutive(failures).unwrap().lasting(time).unwrap()
}

fn tenth() -> OpenDuration {
    OpenDuration::share_of_failing_time(Ratio::percent(10).unwrap())
}

fn fail<C>(circuit: &Circuit<C>, calls: u32) {
    end_calls(circuit, Verdict::transient(), calls);
}

/// Opens after two failures, 500 ms apart, for a tenth of the failing time.
fn failing_for_half_a_second() -> (Circuit, ManualClock) {
    let (circuit, clock) = timed(counted().open_when(lasting(2, ms(500))).open_for(tenth()));
    fail(&circuit, 1);
    clock.advance(ms(500));
    fail(&circuit, 1);
    assert_eq!(circuit.state(), State::Open);
    (circuit, clock)
}

/// Checks that a failure opens the circuit `time` from now, and not a millisecond earlier.
fn opens_after(circuit: &Circuit, clock: &ManualClock, time: Duration) {
    clock.advance(time - ms(1));
    fail(circuit, 1);
    assert_eq!(circuit.state(), State::Closed, "a millisecond before {time:?}");
    clock.advance(ms(1));
    fail(circuit, 1);
    assert_eq!(circuit.state(), State::Open, "after {time:?}");
}

/// How long the circuit stays open after a failure that comes `time` from now.
fn open_for_after(circuit: &Circuit, clock: &ManualClock, time: Duration) -> Option<Duration> {
    clock.advance(time);
    fail(circuit, 1);
    circuit.retry_in()
}

fn fail_a_probe(circuit: &Circuit, clock: &ManualClock) {
    clock.advance(circuit.retry_in().unwrap());
    fail(circuit, 1);
}

#[test]
fn a_row_opens_once_it_has_lasted() {
    let (circuit, clock) = timed(counted().open_when(lasting(3, ms(500))));
    clock.advance(secs(7));
    fail(&circuit, 100);
    clock.advance(ms(500) - Duration::from_micros(1));
    fail(&circuit, 1);
    assert_eq!((circuit.state(), circuit.stats().failures_in_a_row), (State::Closed, 101));
    clock.advance(Duration::from_micros(1));
    assert_eq!(circuit.state(), State::Closed, "only the end of a failed call opens it");
    fail(&circuit, 1);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn a_row_that_lasts_also_needs_its_failures() {
    let (circuit, clock) = timed(counted().open_when(lasting(3, ms(500))));
    for _ in 0..2 {
        fail(&circuit, 1);
        clock.advance(secs(10));
    }
    assert_eq!(circuit.state(), State::Closed);
    fail(&circuit, 1);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn a_success_ends_the_row_and_its_time() {
    let (circuit, clock) = timed(counted().open_when(lasting(2, ms(500))));
    fail(&circuit, 5);
    clock.advance(ms(400));
    circuit.try_acquire().unwrap().success();
    fail(&circuit, 5);
    opens_after(&circuit, &clock, ms(500));
}

#[test]
fn a_row_starts_anew_after_the_circuit_was_open() {
    let (circuit, clock) = timed(counted().open_when(lasting(1, ms(500))));
    fail(&circuit, 1);
    clock.advance(ms(500));
    fail(&circuit, 1);
    clock.advance(secs(30));
    circuit.try_acquire().unwrap().success();
    fail(&circuit, 5);
    opens_after(&circuit, &clock, ms(500));
}

#[test]
fn neutral_calls_neither_end_a_row_nor_open_by_it() {
    let (circuit, clock) = timed(counted().open_when(lasting(2, ms(500))));
    fail(&circuit, 2);
    clock.advance(secs(1));
    end_calls(&circuit, Verdict::Neutral, 3);
    assert_eq!(circuit.state(), State::Closed);
    fail(&circuit, 1);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn reported_failures_are_a_row_too() {
    let (circuit, clock) = timed(counted().open_when(lasting(2, ms(500))));
    circuit.report_failure();
    circuit.report_failure();
    clock.advance(ms(499));
    circuit.report_failure();
    assert_eq!(circuit.state(), State::Closed);
    clock.advance(ms(1));
    circuit.report_failure();
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn a_row_of_dropped_calls_must_last_as_long() {
    let (circuit, clock) = timed(counted().open_when(lasting(3, secs(60))).on_cancelled(CancelledCalls::FailureIfAll));
    let drop_one = || drop(circuit.try_acquire().unwrap());
    (0..5).for_each(|_| drop_one());
    clock.advance(secs(59));
    drop_one();
    assert_eq!(circuit.state(), State::Closed, "30 s are enough without a minimum");
    clock.advance(secs(1));
    drop_one();
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn another_rule_opens_before_the_row_has_lasted() {
    let half = TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(4).unwrap() };
    let (circuit, _clock) = timed(counted().open_when(lasting(3, secs(1))).or_when(half));
    fail(&circuit, 3);
    assert_eq!(circuit.state(), State::Closed);
    fail(&circuit, 1);
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn metrics_only_reports_a_row_once_it_has_lasted() {
    let events = EventLog::default();
    let (circuit, clock) = timed(counted().open_when(lasting(2, ms(500))).observe(events.observer()));
    circuit.set_mode(Mode::MetricsOnly);
    fail(&circuit, 2);
    assert_eq!(events.count("CircuitWouldOpen"), 0);
    clock.advance(ms(500));
    fail(&circuit, 1);
    assert_eq!(events.count("CircuitWouldOpen"), 1);
}

#[test]
fn a_row_lasts_from_when_its_rule_is_configured() {
    let (circuit, clock) = timed(counted().open_when(TripRule::consecutive(100).unwrap()));
    fail(&circuit, 5);
    clock.advance(secs(60));
    circuit.reconfigure(counted().open_when(lasting(5, ms(500))));
    opens_after(&circuit, &clock, ms(500));
}

#[test]
fn the_time_of_a_former_row_is_not_that_of_this_one() {
    let (plain, timing) = (TripRule::consecutive(100).unwrap(), lasting(2, ms(500)));
    let (circuit, clock) = timed(counted().open_when(timing.clone()));
    fail(&circuit, 1);
    circuit.reconfigure(counted().open_when(plain));
    circuit.try_acquire().unwrap().success();
    clock.advance(secs(60));
    fail(&circuit, 1);
    circuit.reconfigure(counted().open_when(timing));
    fail(&circuit, 1);
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn a_restored_row_lasts_from_its_next_failure() {
    let (circuit, clock) = timed(counted().open_when(lasting(3, ms(500))));
    fail(&circuit, 2);
    clock.advance(secs(60));
    let (restored, clock) = timed(counted().open_when(lasting(3, ms(500))));
    restored.restore(&circuit.snapshot(), secs(60));
    fail(&restored, 1);
    opens_after(&restored, &clock, ms(500));
}

#[test]
fn only_consecutive_failures_last_and_for_at_most_8_9_years() {
    let refused = |rule: TripRule, time| rule.lasting(time).unwrap_err().to_string();
    let ratio = TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(4).unwrap() };
    let five = TripRule::consecutive(5).unwrap();
    assert_eq!(
        refused(ratio, secs(1)),
        "`lasting` is 1s, but must be left out unless the rule is `ConsecutiveFailures`"
    );
    let too_long = Duration::from_micros((1 << 48) - 1);
    assert_eq!(refused(five.clone(), too_long), "`lasting` is 281474976.710655s, but must be at most 8.9 years");
    let longest = five.lasting(too_long - Duration::from_micros(1)).unwrap();
    assert_eq!(format!("{longest:?}"), "Consecutive(5 lasting 281474976.710654s)");
}

#[test]
fn a_row_that_must_last_for_too_long_never_opens() {
    let rule = TripRule::ConsecutiveFailures { failures: NonZeroU32::MIN, lasting: Duration::MAX };
    let (circuit, clock) = timed(counted().open_when(rule));
    fail(&circuit, 1);
    clock.advance(secs(u32::MAX.into()));
    fail(&circuit, 1);
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn the_open_time_grows_with_the_failing_time() {
    let (circuit, clock) = failing_for_half_a_second();
    assert_eq!(circuit.retry_in(), Some(ms(100)), "a tenth is 50 ms, but the minimum is 100 ms");
    let rows = [
        (ms(500), ms(100), "1 s after the first failure"),
        (secs(4), ms(500), "5 s after the first failure"),
        (secs(15), secs(2), "20 s after the first failure"),
        (secs(300), secs(2), "the maximum is 2 s"),
    ];
    for (time, open_for, case) in rows {
        assert_eq!(open_for_after(&circuit, &clock, time), Some(open_for), "{case}");
    }
}

#[test]
fn the_failing_time_ends_when_the_circuit_closes() {
    let (circuit, clock) = failing_for_half_a_second();
    assert_eq!(open_for_after(&circuit, &clock, secs(20)), Some(secs(2)));
    clock.advance(secs(2));
    circuit.try_acquire().unwrap().success();
    fail(&circuit, 1);
    assert_eq!(open_for_after(&circuit, &clock, ms(500)), Some(ms(100)));
    clock.advance(secs(20));
    circuit.reset();
    fail(&circuit, 1);
    assert_eq!(open_for_after(&circuit, &clock, ms(500)), Some(ms(100)));
}

#[test]
fn the_failing_time_of_a_forced_circuit_is_none() {
    let (circuit, clock) = failing_for_half_a_second();
    circuit.force_open();
    clock.advance(secs(60));
    assert_eq!(circuit.snapshot().failing_for, None);
    circuit.set_mode(Mode::Auto);
    fail(&circuit, 1);
    assert_eq!(open_for_after(&circuit, &clock, ms(500)), Some(ms(100)));
}

#[test]
fn a_window_opens_with_the_failing_time_of_the_row() {
    let half = TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(4).unwrap() };
    let (circuit, clock) = timed(counted().open_when(half).open_for(tenth()));
    end_calls(&circuit, Verdict::Success, 2);
    fail(&circuit, 1);
    assert_eq!(open_for_after(&circuit, &clock, secs(10)), Some(secs(1)), "10 s after the first failure");
}

#[test]
fn a_success_that_opens_has_no_failing_time_before_it() {
    let slow = TripRule::SlowCallRate { longer_than: ms(100), share: Ratio::HALF, window: Window::count(1).unwrap() };
    let (circuit, clock) = timed(counted().open_when(slow).open_for(tenth()));
    fail(&circuit, 1);
    let permit = circuit.try_acquire().unwrap();
    clock.advance(secs(10));
    permit.success();
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, Some(ms(100))));
    fail_a_probe(&circuit, &clock);
    let time = secs(9) + ms(900);
    assert_eq!(open_for_after(&circuit, &clock, time), Some(secs(1)), "10 s after it opened");
}

#[test]
fn a_function_receives_the_failing_time() {
    let by = |opening: OpenContext| secs(1) + opening.failing_for;
    let (circuit, clock) = timed(counted().open_when(lasting(2, ms(500))).open_for(OpenDuration::from_fn(by)));
    assert_eq!(circuit.stats().open_for, secs(1));
    fail(&circuit, 1);
    assert_eq!(open_for_after(&circuit, &clock, ms(500)), Some(ms(1_500)));
    assert_eq!(open_for_after(&circuit, &clock, ms(1_500)), Some(ms(3_000)));
}

#[test]
fn a_snapshot_keeps_the_failing_time() {
    let (circuit, clock) = failing_for_half_a_second();
    assert_eq!(circuit.snapshot().failing_for, Some(ms(500)));
    clock.advance(secs(5));
    let snapshot = circuit.snapshot();
    assert_eq!(snapshot.failing_for, Some(ms(5_500)));

    let (restored, _) = timed(counted().open_when(lasting(2, ms(500))).open_for(tenth()));
    restored.restore(&snapshot, ms(4_500));
    assert_eq!((restored.state(), restored.snapshot().failing_for), (State::HalfOpen, Some(secs(10))));
    fail(&restored, 1);
    assert_eq!(restored.retry_in(), Some(secs(1)), "10 s, although this circuit is younger");

    let mut of_another_version = snapshot;
    of_another_version.failing_for = None;
    let (restored, _) = timed(counted().open_when(lasting(2, ms(500))).open_for(tenth()));
    restored.restore(&of_another_version, secs(4));
    fail(&restored, 1);
    assert_eq!(restored.retry_in(), Some(ms(400)), "failing for at least the 4 s since the snapshot");
}

#[test]
fn jitter_stays_below_the_longest_time_and_spreads() {
    let config = counted().open_when(lasting(1, Duration::ZERO)).open_for(tenth().jitter(Ratio::percent(20).unwrap()));
    let mut times = Vec::new();
    for seed in 0..100 {
        let (circuit, clock) = timed(config.clone().seed(seed));
        fail(&circuit, 1);
        let shortest = circuit.retry_in().unwrap();
        assert!((ms(80)..=ms(120)).contains(&shortest), "{shortest:?}");
        clock.advance(secs(300));
        fail(&circuit, 1);
        times.push(circuit.retry_in().unwrap());
    }
    times.sort_unstable();
    times.dedup();
    assert_eq!(times.len(), 100, "no two have the same duration");
    let (first, last) = (times[0], times[99]);
    assert!(first < ms(1_400) && first >= ms(1_333) && last > ms(1_900) && last <= secs(2), "{first:?}..{last:?}");
}

#[test]
fn the_shortest_time_is_at_most_the_longest() {
    let refused = |open_for: OpenDuration, min| open_for.min(min).unwrap_err().to_string();
    assert_eq!(refused(tenth(), ms(2_001)), "`min` is 2.001s, but must be at most the longest time");
    assert_eq!(refused(tenth().max(ms(50)), ms(51)), "`min` is 51ms, but must be at most the longest time");
    let fixed = OpenDuration::fixed(secs(1));
    assert_eq!(
        refused(fixed, ms(1)),
        "`min` is 1ms, but must be left out unless the time is a share of the failing time"
    );
    assert_eq!(tenth().max(secs(9)).min(secs(9)).unwrap().base(), secs(9));
    assert_eq!(tenth().max(ms(50)).base(), ms(50), "a maximum that is set later applies");
    let refused = tenth().factor(2.0).unwrap_err().to_string();
    assert_eq!(refused, "`factor` is 2.0, but must be left out unless the time is a growing one");
}
