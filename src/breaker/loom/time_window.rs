//! The time window: counts are exact, and don't contain calls of other times.

use super::*;
use CallResult::Failure;

/// One marked (failed or slow) call: (generation, time).
type Call = (u32, u64);

/// Records one marked call per thread, at the same time. Returns the results.
fn record<const N: usize>(ring: &Arc<TimeRing>, calls: [Call; N]) -> [Option<(u32, u32)>; N] {
    let run = |ring: &TimeRing, (generation, now): Call| ring.record(generation, now, 1, 1);
    let threads = calls.map(|call| {
        let ring = Arc::clone(ring);
        thread::spawn(move || run(&ring, call))
    });
    threads.map(|thread| thread.join().unwrap())
}

/// After this many slots, the tags of a generation repeat.
const TAGS: u64 = 1 << 16;

/// Slots of length 1: a time is the number of its slot.
fn ring(count: u8) -> Arc<TimeRing> {
    Arc::new(TimeRing::new(1, count))
}

#[test]
fn calls_at_once_are_all_counted_and_the_last_sees_them() {
    bounded(4, || {
        let ring = ring(2);
        let results = record(&ring, [(0, 5), (0, 5)]);
        assert_eq!(ring.read(0, 5), (2, 2));
        assert!(results.contains(&Some((2, 2))), "{results:?}");
    });
    bounded(3, || {
        let ring = ring(2);
        record(&ring, [(0, 5), (0, 5), (0, 4)]);
        assert_eq!(ring.read(0, 5), (3, 3));
    });
}

#[test]
fn a_late_call_is_not_counted_in_a_later_slot() {
    bounded(4, || {
        let ring = ring(1);
        record(&ring, [(0, 5), (0, 6)]);
        assert_eq!(ring.read(0, 6), (1, 1));
        assert_eq!(ring.read(0, 5), (0, 0));
    });
}

#[test]
fn two_calls_that_take_over_a_slot_both_count() {
    bounded(4, || {
        let ring = ring(1);
        ring.record(0, 5, 7, 7);
        record(&ring, [(0, 6), (0, 6)]);
        assert_eq!(ring.read(0, 6), (2, 2));
    });
}

#[test]
fn a_slot_of_a_former_generation_is_empty() {
    bounded(4, || {
        let ring = ring(1);
        let [_, next] = record(&ring, [(0, 5), (1, 5)]);
        assert_eq!((next, ring.read(1, 5)), (Some((1, 1)), (1, 1)));
        assert_eq!(ring.record(0, 5, 1, 1), None);
    });
}

#[test]
fn a_slot_during_a_takeover_reads_as_old_or_new() {
    for later in [6, 5 + TAGS] {
        bounded(4, move || {
            let ring = ring(1);
            ring.record(0, 5, 7, 7);
            let there = Arc::clone(&ring);
            let next = thread::spawn(move || there.record(0, later, 1, 0));
            let (old, new) = (ring.read(0, 5), ring.read(0, later));
            assert!(matches!(old, (7, 7) | (0, 0)), "{old:?}");
            assert!(matches!(new, (1, 0) | (0, 0)), "{new:?}");
            assert_eq!(next.join().unwrap(), Some((1, 0)));
        });
    }
}

#[test]
fn a_late_call_is_not_in_a_slot_with_the_same_tag() {
    bounded(4, || {
        let ring = ring(1);
        ring.record(0, 5, 7, 7);
        record(&ring, [(0, 5), (0, 5 + TAGS)]);
        assert_eq!(ring.read(0, 5 + TAGS), (1, 1));
    });
}

/// Opens when both of two calls have failed within two slots.
fn both_of_two() -> Bench {
    let share = RateThreshold { at_least: Ratio::percent(100).unwrap(), minimum: 2 };
    let rules = Rules { failing: Some(share), ..Rules::default() };
    Bench { window: two_slices(), ..Bench::closed(rules) }
}

#[test]
fn two_failures_that_start_a_slot_open_once() {
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
fn a_failure_in_the_next_slot_is_stale_or_counted() {
    bounded(3, || {
        let bench = both_of_two();
        bench.end(0, Failure, 5);
        let (bench, one, next) = both(bench, |bench| bench.end(0, Failure, 5), |bench| bench.end(0, Failure, 6));
        assert!(is_transition(&one) != is_transition(&next), "{one:?}, {next:?}");
        assert_eq!((bench.generation(), bench.phase()), (1, Phase::Open));
        assert_eq!(bench.window.counts(1, || 6), Counts::default());
    });
}
