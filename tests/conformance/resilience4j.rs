//! resilience4j, mostly `CircuitBreakerStateMachineTest`: the circuit opens for 5 s when half of at
//! least 5 calls fail; 4 probes decide.
//!
//! resilience4j uses a time window of 20 s. Here the window is the last 20 calls, unless a test
//! says otherwise: in these sequences no call leaves either window.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tower_recourse::{
    BreakerConfig, Ratio, State,
    breaker::{Mode, OpenDuration, Probes, TripRule, Window},
    observe::Event,
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::play::{Played, play};

fn theirs() -> BreakerConfig {
    let window = Window::count(20).unwrap().minimum(5).unwrap();
    BreakerConfig::default()
        .open_when(TripRule::FailureRate { failing: Ratio::HALF, window })
        .open_for(OpenDuration::fixed(Duration::from_secs(5)))
        .probes(Probes::failure_rate(4, Ratio::HALF).unwrap())
}

/// `theirs`, and a rule for slow calls: the circuit opens if half of the calls take more than 4 s.
fn theirs_with_slow_calls() -> BreakerConfig {
    let window = Window::count(20).unwrap().minimum(5).unwrap();
    theirs().or_when(TripRule::SlowCallRate { longer_than: Duration::from_secs(4), share: Ratio::HALF, window })
}

#[test]
fn the_failure_rate_opens_once_the_minimum_is_reached() {
    let r1 = play(theirs(), &[("r1", "F F F S", "C 3/4")]);
    // Below the minimum, resilience4j has no rate (-1). Our rate includes every call from the first
    // on, so that a chart shows the beginning of an outage. The minimum applies only to the
    // decision, which is to stay closed.
    assert_eq!(r1.circuit.stats().window.failure_rate(), Some(0.75), "r1");

    let r2 = play(theirs(), &[("r1", "F F F S", "C 3/4"), ("r2", "S", "O 3/5 for 5s"), ("r2", "R", "O 3/5 for 5s")]);
    assert_eq!(r2.circuit.stats().total_rejected, 1, "r2");

    play(theirs(), &[("r3", "S +1s S +1s S +1s F +1s F", "C 2/5"), ("r3", "+1s F", "O 3/6 for 5s")]);
}

#[test]
fn an_open_circuit_rejects_until_its_duration_ends() {
    let before = play(theirs(), &[("r4", "F*5 R +3s R", "O 5/5 for 5s")]);
    assert_eq!(before.circuit.stats().total_rejected, 2, "r4");

    // The first call after the open duration is admitted, even if no caller reads the state before.
    play(theirs(), &[("r4", "F*5 R +3s R +3s <", "H 0/0"), ("r4", ">X", "H 0/0")]);
}

#[test]
fn probes_decide_by_their_failure_rate() {
    play(theirs(), &[("r6", "F*5 +5s", "H 0/0"), ("r6", "F F S", "H 2/3"), ("r6", "F", "O 3/4 for 5s")]);
    play(
        theirs_with_slow_calls(),
        &[("r7", "F*5 +5s", "H 0/0"), ("r7", "s s s", "H 0/3 slow 3"), ("r7", "S", "O 0/4 slow 3 for 5s")],
    );
    play(
        theirs(),
        &[
            ("r8", "F*5 +5s", "H 0/0"),
            ("r8", "F S S", "H 1/3"),
            ("r8", "S", "C 0/0"),
            ("r8, the next call", "S", "C 0/1"),
        ],
    );
    play(
        theirs(),
        &[("r9", "F*5 +5s", "H 0/0"), ("r9", "X X X X", "H 0/0"), ("r9", "S S S", "H 0/3"), ("r9", "S", "C 0/0")],
    );
}

/// The same windows with slow calls in the closed state, which the rows above lack. A call of 5 s
/// is slow, one of exactly 4 s isn't.
#[test]
fn the_slow_call_rate_opens_too() {
    play(theirs_with_slow_calls(), &[("two of four", "S S s s", "C 0/4 slow 2"), ("of five", "S", "C 0/5 slow 2")]);
    play(theirs_with_slow_calls(), &[("three of five", "S S s s s", "O 0/5 slow 3 for 5s")]);
    play(
        theirs_with_slow_calls(),
        &[("as long as allowed", "< +4s >S", "C 0/1"), ("1 ms more", "< +4001ms >S", "C 0/2 slow 1")],
    );
}

/// r17: the window slides with every call.
#[test]
fn the_rate_follows_a_window_of_four_calls() {
    let all_of_four =
        TripRule::FailureRate { failing: Ratio::percent(100).unwrap(), window: Window::count(4).unwrap() };
    let mut played = play(BreakerConfig::default().fixed().open_when(all_of_four), &[]);
    for (row, shows, percent) in
        [("F", "C 1/1", 100.0), ("S", "C 1/2", 50.0), ("S", "C 1/3", 33.3), ("S", "C 1/4", 25.0), ("S", "C 0/4", 0.0)]
    {
        played.row(("r17", row, shows));
        let rate = played.circuit.stats().window.failure_rate().unwrap() * 100.0;
        assert!((rate - percent).abs() < 0.05, "r17: {rate} % instead of {percent} %");
    }
}

/// r15, `SlidingTimeWindowMetricsTest`: five slices of a second. resilience4j's begin at full
/// seconds of the wall clock, ours at full seconds of the circuit's clock.
#[test]
fn calls_leave_a_time_window_one_slice_at_a_time() {
    let window = Window::time(Duration::from_secs(5)).unwrap().slices(5).unwrap().minimum(5).unwrap();
    let half_of_them = TripRule::FailureRate { failing: Ratio::HALF, window };
    play(
        BreakerConfig::default().fixed().open_when(half_of_them),
        &[
            ("r15", "F +100ms S +100ms S", "C 1/3"),
            ("r15", "+1s S +1s S +1s F +1s S", "C 2/7"),
            ("r15, the first slice has left", "+1s S", "C 1/5"),
            ("r15, the second too", "+1s S", "C 1/5"),
            ("r15, all have", "+5s S", "C 0/1"),
        ],
    );
}

/// The sequence for which the resilience4j tests were written, with their window of 20 s. No call
/// leaves the window during the sequence.
#[test]
fn a_window_of_20_seconds_opens_like_one_of_20_calls() {
    let window = Window::time(Duration::from_secs(20)).unwrap().minimum(5).unwrap();
    let theirs = || theirs().open_when(TripRule::FailureRate { failing: Ratio::HALF, window });
    play(theirs(), &[("r1", "F F F S", "C 3/4"), ("r2", "S", "O 3/5 for 5s")]);
    play(theirs(), &[("r3", "S +1s S +1s S +1s F +1s F", "C 2/5"), ("r3", "+1s F", "O 3/6 for 5s")]);
}

/// r12: metrics-only mode admits every call, and reports once that the circuit would have opened.
#[test]
fn metrics_only_counts_and_reports_once() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&reports);
    let mut played = Played::new(theirs().observe(move |event: &Event<'_>| {
        if let Event::CircuitWouldOpen { calls, failures, .. } = *event {
            recorder.lock().unwrap().push((failures, calls));
        }
    }));
    played.circuit.set_mode(Mode::MetricsOnly);
    played.row(("r12", "F F F S", "C 3/4"));
    assert_eq!(*reports.lock().unwrap(), [], "r12, below the minimum");
    played.row(("r12", "S", "C 3/5"));
    assert_eq!(*reports.lock().unwrap(), [(3, 5)], "r12, at 60 %");
    played.row(("r12", "F", "C 4/6"));
    assert_eq!(*reports.lock().unwrap(), [(3, 5)], "r12, still one");
}

/// r13. A mode stays until it is changed. The circuit's durations don't end it.
#[test]
fn forced_open_rejects_and_disabled_admits() {
    let mut played = Played::new(theirs());
    played.circuit.force_open();
    for (row, rejected) in [("R", 1), ("+6s R", 2)] {
        played.steps("r13", row);
        assert_eq!((played.circuit.state(), played.circuit.stats().total_rejected), (State::Open, rejected), "r13");
    }
    played.circuit.set_mode(Mode::Disabled);
    played.row(("r13, disabled", "F*5 S +6s F*5", "C 0/0"));
    assert_eq!(played.circuit.stats().transitions, 2, "r13: opened and closed by hand");
}
