//! What threads that are late find, and what can't be had from a bucket's outside.

use super::*;

/// How far ahead of a late thread the ring may be.
const LATEST: u64 = 1 << 20;

#[test]
fn a_deposit_that_comes_when_its_slice_is_over_is_lost_and_takes_no_room() {
    for ahead in [1, 2, 77, LATEST] {
        let slices = Slices::new(1, 2);
        slices.put(1, 5 + ahead);
        slices.put(1, 5);
        assert_eq!(slices.held(5 + ahead), [(5 + ahead, 1)], "{ahead}");
        slices.put(1, 5 + ahead);
        assert_eq!(slices.amount(5 + ahead), 2, "{ahead}: there is room for another one");
    }
}

/// Numbers come round, so one that is too far ahead is one from before.
#[test]
fn what_is_further_ahead_than_any_thread_is_late_is_of_long_ago() {
    let slices = Slices::new(1, 2);
    slices.put(2, 6 + LATEST);
    slices.put(1, 5);
    assert_eq!((slices.amount(5), slices.held(5)), (1, vec![(5, 1)]));
}
