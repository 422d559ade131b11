//! Which slot is stored as the latest one with a failure.

use super::*;

/// The id of slot `number` in `generation`.
fn slice(generation: u64, number: u64) -> u64 {
    generation << 33 | number
}

#[test]
fn the_latest_mark_stays() {
    let marks = TimeFastPath::new();
    let after = |mark| {
        marks.mark(mark);
        marks.marked.load(Ordering::Relaxed)
    };
    assert_eq!(after(slice(0, 5)), slice(0, 5));
    assert_eq!(after(slice(0, 4)), slice(0, 5), "of a thread that is late");
    assert_eq!(after(slice(0, 6)), slice(0, 6));
    assert_eq!(after(slice(1, 2)), slice(1, 2), "of a new generation, whose time began anew");
    assert_eq!(after(slice(0, 9)), slice(1, 2), "of one that is over");
    assert_eq!(after(slice(3, 0)), slice(3, 0));
    assert_eq!(after(slice(2, 7)), slice(3, 0));
    assert_eq!(after(slice(3, 1)), slice(3, 1));
}

/// With the shortest slot, the numbers wrap after 99 days.
#[test]
fn marks_go_on_when_the_numbers_of_slices_come_round() {
    let marks = TimeFastPath::new();
    let last = (1 << 33) - 1;
    for mark in [slice(3, last - 1), slice(3, last), slice(3, 0), slice(3, 1)] {
        marks.mark(mark);
        assert_eq!(marks.marked.load(Ordering::Relaxed), mark);
    }
    marks.mark(slice(3, last));
    assert_eq!(marks.marked.load(Ordering::Relaxed), slice(3, 1), "of a thread that is late");
}

#[test]
fn the_first_call_of_a_slice_goes_the_long_way() {
    let (fast_path, ring) = (TimeFastPath::new(), TimeRing::new(7, 3));
    for now in [7, 700, 699, u64::MAX, 13] {
        assert_eq!(fast_path.record_success_below(&ring, 0, 1, |_| now), FastRecord::NotRecorded, "{now}");
        fast_path.set_current_slot(ring.slot_number(now));
        assert_eq!(fast_path.record_success_below(&ring, 0, 1, |_| now), FastRecord::Done, "{now}");
    }
}
