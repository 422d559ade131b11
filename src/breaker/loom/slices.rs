//! The window of time: sums are exact, and of no time but their own.

use ::loom::thread;
use std::sync::Arc;

use super::bounded;
use crate::breaker::window::Slices;

/// One marked call: (generation, time).
type Call = (u32, u64);

/// Makes one marked call a thread, at the same time. What each is told.
fn record<const N: usize>(slices: &Arc<Slices>, calls: [Call; N]) -> [Option<(u32, u32)>; N] {
    let run = |slices: &Slices, (generation, now): Call| slices.record(generation, now, 1, 1);
    let threads = calls.map(|call| {
        let slices = Arc::clone(slices);
        thread::spawn(move || run(&slices, call))
    });
    threads.map(|thread| thread.join().unwrap())
}

/// Slices of length 1: a time is the number of its slice.
fn slices(count: u8) -> Arc<Slices> {
    Arc::new(Slices::new(1, count))
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
