//! Which mark is the latest.

use super::*;

/// The slice of this number, of this generation.
fn slice(generation: u64, number: u64) -> u64 {
    generation << 33 | number
}

#[test]
fn the_latest_mark_stays() {
    let marks = ShortCut::new();
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

#[test]
fn the_number_of_a_slice_is_found_whatever_was_guessed() {
    let (short_cut, slices) = (ShortCut::new(), Slices::new(7, 3));
    for now in [0, 6, 7, 700, 699, 706, 707, 0, u64::MAX, 0, 13, u64::MAX - 1, u64::MAX - 13] {
        let numbers = [0; 2].map(|_| short_cut.number(&slices, now));
        assert_eq!(numbers, [now / 7; 2], "{now}");
    }
}
