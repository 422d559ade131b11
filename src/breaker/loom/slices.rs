//! The time window: counts are exact, and belong to no other time.

use super::*;
use CallResult::Failure;

/// One marked call: (generation, time).
type Call = (u32, u64);

/// Records one marked call per thread, at the same time. Returns the results.
fn record<const N: usize>(slices: &Arc<TimeRing>, calls: [Call; N]) -> [Option<(u32, u32)>; N] {
    let run = |slices: &TimeRing, (generation, now): Call| slices.record(generation, now, 1, 1);
    let threads = calls.map(|call| {
        let slices = Arc::clone(slices);
        thread::spawn(move || run(&slices, call))
    });
    threads.map(|thread| thread.join().unwrap())
}

/// After this many slots the tags of one generation repeat.
const TAGS: u64 = 1 << 16;

/// Slots of length 1: a time is the number of its slot.
fn slices(count: u8) -> Arc<TimeRing> {
    Arc::new(TimeRing::new(1, count))
}

#[test]
fn calls_at_once_are_all_in_the_sum_and_the_last_one_sees_them() {
    bounded(4, || {
        let slices = slices(2);
        let told = record(&slices, [(0, 5), (0, 5)]);
        assert_eq!(slices.read(0, 5), (2, 2));
        assert!(told.contains(&Some((2, 2))), "{told:?}");
    });
    bounded(3, || {
        let slices = slices(2);
        record(&slices, [(0, 5), (0, 5), (0, 4)]);
        assert_eq!(slices.read(0, 5), (3, 3));
    });
}

#[test]
fn a_call_that_comes_late_is_not_counted_in_the_slice_that_took_its_place() {
    bounded(4, || {
        let slices = slices(1);
        record(&slices, [(0, 5), (0, 6)]);
        assert_eq!(slices.read(0, 6), (1, 1));
        assert_eq!(slices.read(0, 5), (0, 0));
    });
}

#[test]
fn of_two_that_take_over_a_slice_neither_is_lost() {
    bounded(4, || {
        let slices = slices(1);
        slices.record(0, 5, 7, 7);
        record(&slices, [(0, 6), (0, 6)]);
        assert_eq!(slices.read(0, 6), (2, 2));
    });
}

#[test]
fn a_slice_of_a_generation_that_ends_holds_nothing_for_the_next() {
    bounded(4, || {
        let slices = slices(1);
        let [_, next] = record(&slices, [(0, 5), (1, 5)]);
        assert_eq!((next, slices.read(1, 5)), (Some((1, 1)), (1, 1)));
        assert_eq!(slices.record(0, 5, 1, 1), None);
    });
}

#[test]
fn a_slice_that_is_taken_over_is_read_as_the_one_or_the_other() {
    for later in [6, 5 + TAGS] {
        bounded(4, move || {
            let slices = slices(1);
            slices.record(0, 5, 7, 7);
            let there = Arc::clone(&slices);
            let next = thread::spawn(move || there.record(0, later, 1, 0));
            let (old, new) = (slices.read(0, 5), slices.read(0, later));
            assert!(matches!(old, (7, 7) | (0, 0)), "{old:?}");
            assert!(matches!(new, (1, 0) | (0, 0)), "{new:?}");
            assert_eq!(next.join().unwrap(), Some((1, 0)));
        });
    }
}

#[test]
fn a_call_that_comes_late_is_not_in_a_slice_of_the_same_tag() {
    bounded(4, || {
        let slices = slices(1);
        slices.record(0, 5, 7, 7);
        record(&slices, [(0, 5), (0, 5 + TAGS)]);
        assert_eq!(slices.read(0, 5 + TAGS), (1, 1));
    });
}

/// Opens when both of two calls have failed within two slots.
fn both_of_two() -> Bench {
    let share = RateThreshold { at_least: Ratio::percent(100).unwrap(), minimum: 2 };
    let rules = Rules { failing: Some(share), ..Rules::default() };
    Bench { window: two_slices(), ..Bench::closed(rules) }
}

#[test]
fn two_failures_at_once_that_begin_a_slice_open_it_exactly_once() {
    bounded(3, || {
        let bench = both_of_two();
        bench.window.record(0, Some(false), None, || 4);
        let fail = |bench: &Bench| bench.end(0, Failure, 6);
        let (bench, one, other) = both(bench, fail, fail);
        assert!(is_transition(&one) != is_transition(&other), "{one:?}, {other:?}");
        assert_eq!((bench.generation(), bench.phase()), (1, Phase::Open));
    });
}

#[test]
fn a_failure_that_opens_it_leaves_the_one_that_begins_the_next_slice_late_or_counted() {
    bounded(3, || {
        let bench = both_of_two();
        bench.end(0, Failure, 5);
        let (bench, one, next) = both(bench, |bench| bench.end(0, Failure, 5), |bench| bench.end(0, Failure, 6));
        assert!(is_transition(&one) != is_transition(&next), "{one:?}, {next:?}");
        assert_eq!((bench.generation(), bench.phase()), (1, Phase::Open));
        assert_eq!(bench.window.counts(1, || 6), Counts::default());
    });
}
