//! Windows of time: exact at the borders of their slices, and after any while without a call.

use std::{sync::Barrier, thread, time::Duration};

use tower_recourse::{
    Circuit, Ratio, State, Verdict,
    breaker::{Mode, OpenFor, OpenRule, Probes, Window},
    time::ManualClock,
};

use crate::circuits::{counted, end_all, open};

const SECOND: Duration = Duration::from_secs(1);
const MICRO: Duration = Duration::from_micros(1);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const FAILURE: Verdict = Verdict::transient();

/// A circuit that opens when all calls in a window fail, and its clock, which stands at 0.
fn all_of(window: Window) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    let rule = OpenRule::Ratio { failing: Ratio::percent(100).unwrap(), window };
    (Circuit::new(counted().open_when(rule).open_for(OpenFor::fixed(SECOND)).clock(clock.clone())), clock)
}

/// Ten slices of a second, in which nothing opens by itself.
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
fn a_call_leaves_the_window_with_its_slice_and_not_a_microsecond_earlier() {
    let (circuit, clock) = ten_seconds();
    end_all(&circuit, FAILURE, 1);
    clock.advance(SECOND - MICRO);
    end_all(&circuit, FAILURE, 1);
    clock.advance(MICRO);
    end_all(&circuit, Verdict::Success, 1);
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
fn the_window_slides_a_slice_at_a_time_whatever_their_number() {
    for count in 1..=60 {
        let (circuit, clock) = all_of(slices(60 * SECOND, count).minimum(u32::MAX).unwrap());
        let length = Duration::from_micros(60_000_000 / u64::from(count));
        let calls_of = |slice: u32| 1 + slice % 7;
        for slice in 0..3 * count {
            end_all(&circuit, Verdict::Success, calls_of(slice) - 1);
            end_all(&circuit, FAILURE, 1);
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
fn a_share_counts_from_the_call_that_completes_the_minimum() {
    let (circuit, clock) = all_of(Window::time(10 * SECOND).unwrap().minimum(5).unwrap());
    end_all(&circuit, FAILURE, 4);
    clock.advance(10 * SECOND);
    end_all(&circuit, FAILURE, 4);
    assert_eq!((circuit.state(), window(&circuit)), (State::Closed, (4, 4)), "those that have left don't count");
    clock.advance(9 * SECOND);
    end_all(&circuit, FAILURE, 1);
    assert_eq!(circuit.state(), State::Open, "those of the tenth slice do");
}

// fs-java#208: one failure of few calls is a large share.
#[test]
fn ten_calls_must_have_been_seen_unless_set() {
    let (circuit, clock) = all_of(Window::time(10 * SECOND).unwrap());
    for _ in 0..100 {
        end_all(&circuit, FAILURE, 1);
        clock.advance(2 * SECOND);
    }
    assert_eq!((circuit.state(), window(&circuit).0), (State::Closed, 4), "low traffic is not judged by a share");
    end_all(&circuit, FAILURE, 5);
    assert_eq!(circuit.state(), State::Closed);
    end_all(&circuit, FAILURE, 1);
    assert_eq!(circuit.state(), State::Open);
}

/// Idle for as long as makes numbers of slices look alike: a ring as long as the window, the 16 bits of a slice's tag, half of the 33
/// bits of its number, and what people call a long time.
#[test]
fn a_window_is_empty_and_counts_from_the_first_call_on_however_long_nobody_called() {
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
            end_all(&circuit, FAILURE, 2);
            clock.advance(idle);
            assert_eq!(window(&circuit), (0, 0), "{count} slices of {length:?}, idle for {idle:?}");
            end_all(&circuit, FAILURE, 2);
            assert_eq!(window(&circuit), (2, 2), "{count} slices of {length:?}, after {idle:?}");
            end_all(&circuit, FAILURE, 1);
            assert_eq!(circuit.state(), State::Open, "{count} slices of {length:?}, after {idle:?}");
        }
    }
}

#[test]
fn the_first_call_of_all_may_come_after_60_days() {
    // A shape that no other test has: this memory has never been used.
    let (circuit, clock) = all_of(slices(Duration::from_millis(11), 11).minimum(2).unwrap());
    clock.advance(60 * DAY);
    end_all(&circuit, FAILURE, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(window(&circuit), (1, 1));
    end_all(&circuit, FAILURE, 1);
    assert_eq!(circuit.state(), State::Open);
}

// The window of another count is filled anew; the one before isn't emptied slice by slice.
#[test]
fn a_reset_in_the_middle_of_a_slice_forgets_what_the_slice_holds() {
    let (circuit, clock) = ten_seconds();
    clock.advance(SECOND / 2);
    end_all(&circuit, FAILURE, 3);
    let straggler = circuit.admit().unwrap();
    circuit.reset();
    assert_eq!(window(&circuit), (0, 0));
    straggler.failure();
    assert_eq!(window(&circuit), (0, 0), "nor does one count that was on its way");
    end_all(&circuit, Verdict::Success, 2);
    assert_eq!(window(&circuit), (2, 0), "and the same slice counts anew");
    circuit.reset();
    end_all(&circuit, FAILURE, 1);
    assert_eq!(window(&circuit), (1, 1));
}

#[test]
fn an_opening_in_the_middle_of_a_slice_forgets_what_the_slice_holds() {
    let (circuit, clock) = all_of(slices(10 * SECOND, 1).minimum(2).unwrap());
    let straggler = circuit.admit().unwrap();
    end_all(&circuit, FAILURE, 2);
    assert_eq!(circuit.state(), State::Open);
    clock.advance(SECOND);
    circuit.admit().unwrap().success();
    assert_eq!((circuit.state(), window(&circuit)), (State::Closed, (0, 0)), "closed in the slice that it opened in");
    straggler.failure();
    end_all(&circuit, FAILURE, 1);
    assert_eq!((circuit.state(), window(&circuit)), (State::Closed, (1, 1)));
}

/// A call counts when it ends.
#[test]
fn a_call_that_took_longer_than_the_window_counts_in_the_slice_that_it_ends_in() {
    let (circuit, clock) = ten_seconds();
    let slow = circuit.admit().unwrap();
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
    end_all(&circuit, Verdict::Neutral, 5);
    (0..5).for_each(|_| drop(circuit.admit().unwrap()));
    assert_eq!(window(&circuit), (0, 0));
}

#[test]
fn a_window_in_memory_that_was_used_before_is_empty() {
    // A shape that no other test has: this memory goes from one circuit to the next.
    let own = || all_of(slices(Duration::from_millis(1_234), 2));
    let (before, clock) = own();
    before.set_mode(Mode::ForcedClosed);
    for _ in 0..5 {
        end_all(&before, FAILURE, 7);
        clock.advance(Duration::from_millis(617));
    }
    let straggler = before.admit().unwrap();
    drop(before);
    // Its time begins at 0 again: the slices of the one before are ahead of its own.
    let (circuit, clock) = own();
    assert_eq!(window(&circuit), (0, 0));
    end_all(&circuit, FAILURE, 1);
    straggler.failure();
    assert_eq!(window(&circuit), (1, 1));
    for slice in 1..5 {
        clock.advance(Duration::from_millis(617));
        assert_eq!(window(&circuit).0, u32::from(slice == 1), "slice {slice}");
    }
}

#[test]
fn no_call_of_many_threads_is_lost() {
    const CALLS: u32 = 10_000;
    let (circuit, clock) = ten_seconds();
    for slice in 1..=3 {
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for verdict in [Verdict::Success, FAILURE] {
                let (circuit, start) = (&circuit, &start);
                scope.spawn(move || {
                    start.wait();
                    end_all(circuit, verdict, CALLS);
                });
            }
        });
        assert_eq!(window(&circuit), (2 * CALLS * slice, CALLS * slice));
        clock.advance(SECOND);
    }
}

// Sentinel, Hystrix: when a slice begins, threads that come at once each begin it anew.
#[test]
fn no_call_of_many_threads_is_lost_when_a_slice_begins() {
    let (circuit, clock) = all_of(slices(3 * SECOND, 3).minimum(u32::MAX).unwrap());
    for round in 0..500 {
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for verdict in [Verdict::Success, FAILURE] {
                let (circuit, start) = (&circuit, &start);
                scope.spawn(move || {
                    start.wait();
                    end_all(circuit, verdict, 3);
                });
            }
        });
        let held = (round + 1).min(3);
        assert_eq!(window(&circuit), (6 * held, 3 * held), "round {round}");
        clock.advance(SECOND);
    }
}

// tower-resilience (trap 2): the successes of probes expired with a window of time, and the circuit was half-open for ever.
#[test]
fn probes_that_are_longer_apart_than_the_window_still_close_it() {
    let clock = ManualClock::new();
    let rule = OpenRule::Ratio { failing: Ratio::HALF, window: Window::time(SECOND).unwrap().minimum(1).unwrap() };
    let config = counted().open_when(rule).probes(Probes::successes(5).unwrap()).clock(clock.clone());
    let circuit = Circuit::new(config);
    open(&circuit);
    clock.advance(60 * SECOND);
    for probe in 1..=5 {
        assert_eq!(circuit.state(), State::HalfOpen, "before probe {probe}");
        circuit.admit().unwrap().success();
        clock.advance(60 * SECOND);
    }
    assert_eq!(circuit.state(), State::Closed);
    end_all(&circuit, FAILURE, 1);
    assert_eq!(circuit.state(), State::Open, "and the window works as before");
}
