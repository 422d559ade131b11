//! Threads that are late, and states that can't be reached through a bucket.

use super::*;

/// How far ahead of a late thread the ring may be.
const LATEST: u64 = 1 << 20;

#[test]
fn a_deposit_after_its_slice_is_lost_and_takes_no_room() {
    for ahead in [1, 2, 77, LATEST] {
        let slices = Slices::new(1, 2);
        slices.put(1, 5 + ahead);
        slices.put(1, 5);
        assert_eq!(slices.held(5 + ahead), [(5 + ahead, 1)], "{ahead}");
        slices.put(1, 5 + ahead);
        assert_eq!(slices.amount(5 + ahead), 2, "{ahead}: there is room for another");
    }
}

/// Numbers wrap around, so a word that is too far ahead is an old one.
#[test]
fn a_word_too_far_ahead_is_an_old_one() {
    let slices = Slices::new(1, 2);
    slices.put(2, 6 + LATEST);
    slices.put(1, 5);
    assert_eq!((slices.amount(5), slices.held(5)), (1, vec![(5, 1)]));
}
