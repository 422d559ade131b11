//! Which slot is stored as the latest one with a failure.

use super::*;

/// The id of slot `number` in `generation`.
fn slot(generation: u64, number: u64) -> u64 {
    generation << 33 | number
}

#[test]
fn the_latest_slot_with_a_failure_stays() {
    let fast_path = TimeFastPath::new();
    let after = |mark| {
        fast_path.mark(mark);
        fast_path.marked.load(Ordering::Relaxed)
    };
    assert_eq!(after(slot(0, 5)), slot(0, 5));
    assert_eq!(after(slot(0, 4)), slot(0, 5), "a late thread changes nothing");
    assert_eq!(after(slot(0, 6)), slot(0, 6));
    assert_eq!(after(slot(1, 2)), slot(1, 2), "a new generation starts with earlier slots");
    assert_eq!(after(slot(0, 9)), slot(1, 2), "a stale generation changes nothing");
    assert_eq!(after(slot(3, 0)), slot(3, 0));
    assert_eq!(after(slot(2, 7)), slot(3, 0));
    assert_eq!(after(slot(3, 1)), slot(3, 1));
}

/// With the shortest slot, the numbers wrap after 99 days.
#[test]
fn slots_stay_ordered_when_their_numbers_wrap() {
    let fast_path = TimeFastPath::new();
    let last = (1 << 33) - 1;
    for mark in [slot(3, last - 1), slot(3, last), slot(3, 0), slot(3, 1)] {
        fast_path.mark(mark);
        assert_eq!(fast_path.marked.load(Ordering::Relaxed), mark);
    }
    fast_path.mark(slot(3, last));
    assert_eq!(fast_path.marked.load(Ordering::Relaxed), slot(3, 1), "a late thread changes nothing");
}

#[test]
fn the_first_call_of_a_slot_takes_the_slow_path() {
    let (fast_path, ring) = (TimeFastPath::new(), TimeRing::new(7, 3));
    for now in [7, 700, 699, u64::MAX, 13] {
        assert_eq!(fast_path.record_success_below(&ring, 0, 1, |_| now), FastRecord::NotRecorded, "{now}");
        fast_path.set_current_slot(ring.slot_number(now));
        assert_eq!(fast_path.record_success_below(&ring, 0, 1, |_| now), FastRecord::Done, "{now}");
    }
}
