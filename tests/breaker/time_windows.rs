//! Time windows: exact at the borders of their slices, and after any time without calls.

use std::{sync::Barrier, thread, time::Duration};

use tower_recourse::{
    Circuit, Ratio, State, Verdict,
    breaker::{Mode, OpenDuration, Probes, TripRule, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_calls, open};

const SECOND: Duration = Duration::from_secs(1);
const MICRO: Duration = Duration::from_micros(1);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const FAILURE: Verdict = Verdict::transient();

/// A circuit that opens when all calls in the window fail, and its clock, which starts at 0.
fn all_of(window: Window) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    let rule = TripRule::FailureRate { failing: Ratio::percent(100).unwrap(), window };
    (Circuit::new(counted().open_when(rule).open_for(OpenDuration::fixed(SECOND)).clock(clock.clone())), clock)
}

/// A circuit with ten slices of one second that never opens by itself.
fn ten_seconds() -> (Circuit, ManualClock) {
    let (circuit, clock) = all_of(Window::time(10 * SECOND).unwrap());
    circuit.set_mode(Mode::ForcedClosed);
    (circuit, clock)
}

fn slices(time: Duration, slices: u32) -> Window {
    Window::time(time).unwrap().slices(slices).unwrap()
}

/// (calls, failures) in the window.
fn window(circuit: &Circuit) -> (u32, u32) {
    let window = circuit.stats().window;
    (window.calls, window.failures)
}

#[test]
fn a_call_leaves_the_window_exactly_with_its_slice() {
    let (circuit, clock) = ten_seconds();
    end_calls(&circuit, FAILURE, 1);
    clock.advance(SECOND - MICRO);
    end_calls(&circuit, FAILURE, 1);
    clock.advance(MICRO);
    end_calls(&circuit, Verdict::Success, 1);
    clock.advance(9 * SECOND - MICRO);
    assert_eq!(window(&circuit), (3, 2), "9.999999 s: the first slice is the tenth");
    clock.advance(MICRO);
    assert_eq!(window(&circuit), (1, 0), "10 s: both ends of the first slice have left");
    clock.advance(SECOND - MICRO);
    assert_eq!(window(&circuit), (1, 0));
    clock.advance(MICRO);
    assert_eq!(window(&circuit), (0, 0));
}

#[test]
fn the_window_slides_one_slice_at_a_time() {
    for count in 1..=60 {
        let (circuit, clock) = all_of(slices(60 * SECOND, count).minimum(u32::MAX).unwrap());
        let length = Duration::from_micros(60_000_000 / u64::from(count));
        let calls_of = |slice: u32| 1 + slice % 7;
        for slice in 0..3 * count {
            end_calls(&circuit, Verdict::Success, calls_of(slice) - 1);
            end_calls(&circuit, FAILURE, 1);
            let within = (slice + 1).saturating_sub(count)..=slice;
            let expected = (within.clone().map(calls_of).sum(), within.count() as u32);
            assert_eq!(window(&circuit), expected, "{count} slices, in slice {slice}");
            clock.advance(length - MICRO);
            assert_eq!(window(&circuit), expected, "{count} slices, at the end of slice {slice}");
            clock.advance(MICRO);
        }
    }
}

#[test]
fn the_rate_counts_from_the_call_that_completes_the_minimum() {
    let (circuit, clock) = all_of(Window::time(10 * SECOND).unwrap().minimum(5).unwrap());
    end_calls(&circuit, FAILURE, 4);
    clock.advance(10 * SECOND);
    end_calls(&circuit, FAILURE, 4);
    assert_eq!((circuit.state(), window(&circuit)), (State::Closed, (4, 4)), "those that have left don't count");
    clock.advance(9 * SECOND);
    end_calls(&circuit, FAILURE, 1);
    assert_eq!(circuit.state(), State::Open, "those of the tenth slice do");
}

// fs-java#208: one failure among few calls is a large share.
#[test]
fn the_default_minimum_is_ten_calls() {
    let (circuit, clock) = all_of(Window::time(10 * SECOND).unwrap());
    for _ in 0..100 {
        end_calls(&circuit, FAILURE, 1);
        clock.advance(2 * SECOND);
    }
    assert_eq!((circuit.state(), window(&circuit).0), (State::Closed, 4), "low traffic isn't judged by a rate");
    end_calls(&circuit, FAILURE, 5);
    assert_eq!(circuit.state(), State::Closed);
    end_calls(&circuit, FAILURE, 1);
    assert_eq!(circuit.state(), State::Open);
}

/// Idle times after which an old slice could be mistaken for a current one: the length of the ring,
/// multiples of 65,536 slices (a slice's tag has 16 bits), up to 2^32 slices (half the range of a
/// slice's number, which has 33 bits), and some longer times.
#[test]
fn a_window_counts_after_any_time_without_calls() {
    let shortest = Duration::from_millis(1);
    for count in [10, 1, 2, 16, 32, 60] {
        let length = if count == 10 { shortest } else { 20 * shortest };
        let window_of = slices(length * count, count).minimum(3).unwrap();
        let idle = [
            length * count,
            length * 65_536,
            length * 65_536 * count,
            length * 65_536 * 10 + length,
            length * (u32::MAX / 2),
            length * u32::MAX,
            length * u32::MAX + length,
            60 * DAY,
            90 * DAY,
        ];
        for idle in idle {
            let (circuit, clock) = all_of(window_of);
            clock.advance(length * 3);
            end_calls(&circuit, FAILURE, 2);
            clock.advance(idle);
            assert_eq!(window(&circuit), (0, 0), "{count} slices of {length:?}, idle for {idle:?}");
            end_calls(&circuit, FAILURE, 2);
            assert_eq!(window(&circuit), (2, 2), "{count} slices of {length:?}, after {idle:?}");
            end_calls(&circuit, FAILURE, 1);
            assert_eq!(circuit.state(), State::Open, "{count} slices of {length:?}, after {idle:?}");
        }
    }
}

#[test]
fn the_first_call_may_come_after_60_days() {
    // No other test has this window, so the memory has never been used.
    let (circuit, clock) = all_of(slices(Duration::from_millis(11), 11).minimum(2).unwrap());
    clock.advance(60 * DAY);
    end_calls(&circuit, FAILURE, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(window(&circuit), (1, 1));
    end_calls(&circuit, FAILURE, 1);
    assert_eq!(circuit.state(), State::Open);
}

// A reset begins a new window, which is empty, although the memory of its slices isn't cleared.
#[test]
fn a_reset_within_a_slice_clears_the_slice() {
    let (circuit, clock) = ten_seconds();
    clock.advance(SECOND / 2);
    end_calls(&circuit, FAILURE, 3);
    let straggler = circuit.try_acquire().unwrap();
    circuit.reset();
    assert_eq!(window(&circuit), (0, 0));
    straggler.failure();
    assert_eq!(window(&circuit), (0, 0), "a running call doesn't count either");
    end_calls(&circuit, Verdict::Success, 2);
    assert_eq!(window(&circuit), (2, 0), "and the same slice counts again");
    circuit.reset();
    end_calls(&circuit, FAILURE, 1);
    assert_eq!(window(&circuit), (1, 1));
}

#[test]
fn an_opening_within_a_slice_clears_the_slice() {
    let (circuit, clock) = all_of(slices(10 * SECOND, 1).minimum(2).unwrap());
    let straggler = circuit.try_acquire().unwrap();
    end_calls(&circuit, FAILURE, 2);
    assert_eq!(circuit.state(), State::Open);
    clock.advance(SECOND);
    circuit.try_acquire().unwrap().success();
    assert_eq!(
        (circuit.state(), window(&circuit)),
        (State::Closed, (0, 0)),
        "it closed in the slice in which it opened"
    );
    straggler.failure();
    end_calls(&circuit, FAILURE, 1);
    assert_eq!((circuit.state(), window(&circuit)), (State::Closed, (1, 1)));
}

/// A call counts at the time it ends.
#[test]
fn a_long_call_counts_in_the_slice_in_which_it_ends() {
    let (circuit, clock) = ten_seconds();
    let slow = circuit.try_acquire().unwrap();
    clock.advance(100 * SECOND + MICRO);
    slow.failure();
    clock.advance(10 * SECOND - 2 * MICRO);
    assert_eq!(window(&circuit), (1, 1));
    clock.advance(MICRO);
    assert_eq!(window(&circuit), (0, 0));
}

#[test]
fn neutral_and_dropped_calls_are_not_in_the_window() {
    let (circuit, _clock) = ten_seconds();
    end_calls(&circuit, Verdict::Neutral, 5);
    (0..5).for_each(|_| drop(circuit.try_acquire().unwrap()));
    assert_eq!(window(&circuit), (0, 0));
}

#[test]
fn a_window_in_recycled_memory_is_empty() {
    // No other test has this window, so the memory passes from one circuit to the next.
    let own = || all_of(slices(Duration::from_millis(1_234), 2));
    let (before, clock) = own();
    before.set_mode(Mode::ForcedClosed);
    for _ in 0..5 {
        end_calls(&before, FAILURE, 7);
        clock.advance(Duration::from_millis(617));
    }
    let straggler = before.try_acquire().unwrap();
    drop(before);
    // The new circuit's time starts at 0, so the old slices are later than its own.
    let (circuit, clock) = own();
    assert_eq!(window(&circuit), (0, 0));
    end_calls(&circuit, FAILURE, 1);
    straggler.failure();
    assert_eq!(window(&circuit), (1, 1));
    for slice in 1..5 {
        clock.advance(Duration::from_millis(617));
        assert_eq!(window(&circuit).0, u32::from(slice == 1), "slice {slice}");
    }
}

#[test]
fn no_call_is_lost_on_several_threads() {
    const CALLS: u32 = 10_000;
    let (circuit, clock) = ten_seconds();
    for slice in 1..=3 {
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for verdict in [Verdict::Success, FAILURE] {
                let (circuit, start) = (&circuit, &start);
                scope.spawn(move || {
                    start.wait();
                    end_calls(circuit, verdict, CALLS);
                });
            }
        });
        assert_eq!(window(&circuit), (2 * CALLS * slice, CALLS * slice));
        clock.advance(SECOND);
    }
}

// Sentinel, Hystrix: at the beginning of a slice, several threads each reset it.
#[test]
fn no_call_is_lost_when_a_slice_begins() {
    let (circuit, clock) = all_of(slices(3 * SECOND, 3).minimum(u32::MAX).unwrap());
    for round in 0..500 {
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for verdict in [Verdict::Success, FAILURE] {
                let (circuit, start) = (&circuit, &start);
                scope.spawn(move || {
                    start.wait();
                    end_calls(circuit, verdict, 3);
                });
            }
        });
        let held = (round + 1).min(3);
        assert_eq!(window(&circuit), (6 * held, 3 * held), "round {round}");
        clock.advance(SECOND);
    }
}

// tower-resilience: in a time window, probe successes expired, and the circuit stayed half-open
// forever.
#[test]
fn probes_further_apart_than_the_window_close_it() {
    let clock = ManualClock::new();
    let rule =
        TripRule::FailureRate { failing: Ratio::HALF, window: Window::time(SECOND).unwrap().minimum(1).unwrap() };
    let config = counted().open_when(rule).probes(Probes::successes(5).unwrap()).clock(clock.clone());
    let circuit = Circuit::new(config);
    open(&circuit);
    clock.advance(60 * SECOND);
    for probe in 1..=5 {
        assert_eq!(circuit.state(), State::HalfOpen, "before probe {probe}");
        circuit.try_acquire().unwrap().success();
        clock.advance(60 * SECOND);
    }
    assert_eq!(circuit.state(), State::Closed);
    end_calls(&circuit, FAILURE, 1);
    assert_eq!(circuit.state(), State::Open, "and the window works as before");
}
