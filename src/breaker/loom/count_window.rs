//! The count window: once all threads are done, the number of marks in its head equals the number
//! of marked places, in whatever order the threads ran. A *mark* is a failed or slow call.

use ::loom::thread;
use std::sync::Arc;

use super::{bounded, model};
use crate::breaker::window::CountRing;

/// Records these calls at the same time, one list per thread: (generation, marked).
fn record(marks: CountRing, threads: &'static [&'static [(u32, bool)]]) -> Arc<CountRing> {
    let marks = Arc::new(marks);
    let run = |marks: &CountRing, calls: &[(u32, bool)]| {
        for (generation, marked) in calls {
            if let Some((calls, marked)) = marks.record(*generation, *marked) {
                assert!(marked <= calls, "{marked} of {calls}");
            }
        }
    };
    let (here, there) = threads.split_first().unwrap();
    let there: Vec<_> = there
        .iter()
        .map(|calls| {
            let marks = Arc::clone(&marks);
            thread::spawn(move || run(&marks, calls))
        })
        .collect();
    run(&marks, here);
    there.into_iter().for_each(|thread| thread.join().unwrap());
    marks
}

/// Asserts that the number of marks is right and the window holds `calls` calls. Returns the marks.
fn assert_sum(marks: &CountRing, generation: u32, calls: u32) -> u32 {
    let (seen, marked) = marks.read(generation);
    assert_eq!((seen, marked), (calls, marks.marked_places(generation)));
    marked
}

#[test]
fn calls_at_once_are_all_counted() {
    bounded(3, || {
        let marks = record(CountRing::new(4), &[&[(0, true)], &[(0, true)], &[(0, false)]]);
        assert_eq!(assert_sum(&marks, 0, 3), 2);
    });
}

#[test]
fn a_window_of_one_call_holds_one_of_several() {
    model(|| {
        let marks = record(CountRing::new(1), &[&[(0, true)], &[(0, false)]]);
        assert_sum(&marks, 0, 1);
    });
    bounded(3, || {
        let marks = record(CountRing::new(1), &[&[(0, true)], &[(0, false)], &[(0, true)]]);
        assert_sum(&marks, 0, 1);
    });
}

#[test]
fn a_window_of_two_calls_holds_two_of_several() {
    bounded(5, || {
        let marks = record(CountRing::new(2), &[&[(0, true), (0, false)], &[(0, true), (0, true)]]);
        assert_sum(&marks, 0, 2);
    });
    bounded(3, || {
        let marks = record(CountRing::new(2), &[&[(0, true)], &[(0, false)], &[(0, true)]]);
        assert_sum(&marks, 0, 2);
    });
}

#[test]
fn setting_and_clearing_one_mark_never_loses_it() {
    model(|| {
        let marks = CountRing::new(1);
        marks.record(0, true);
        let marks = record(marks, &[&[(0, false)], &[(0, true)]]);
        assert_sum(&marks, 0, 1);
        // One success clears the window, whichever call was recorded last.
        marks.record(0, false);
        assert_eq!(marks.read(0), (1, 0));
    });
}

#[test]
fn a_counted_mark_can_be_cleared() {
    model(|| {
        let marks = Arc::new(CountRing::new(1));
        let there = Arc::clone(&marks);
        let success = thread::spawn(move || {
            let is_marked = there.read(0) == (1, 1);
            is_marked.then(|| there.record(0, false))
        });
        marks.record(0, true);
        if let Some(seen) = success.join().unwrap() {
            assert_eq!(seen, Some((1, 0)));
        }
        assert_sum(&marks, 0, 1);
    });
}

#[test]
fn a_success_that_writes_nothing_hides_no_failure() {
    model(|| {
        let marks = CountRing::new(1);
        marks.record(0, false);
        assert!(marks.ignores_success(0));
        let marks = record(marks, &[&[(0, false)], &[(0, true)]]);
        assert_sum(&marks, 0, 1);
    });
}

#[test]
fn the_last_call_sees_every_failure() {
    model(|| {
        let marks = Arc::new(CountRing::new(2));
        let there = Arc::clone(&marks);
        let one = thread::spawn(move || there.record(0, true));
        let other = marks.record(0, true);
        let one = one.join().unwrap();
        assert!(one == Some((2, 2)) || other == Some((2, 2)), "{one:?}, {other:?}");
    });
}

#[test]
fn no_call_of_another_generation_is_counted() {
    bounded(3, || {
        let marks = record(CountRing::new(4), &[&[(0, true)], &[(1, true)], &[(1, false)]]);
        assert_eq!(assert_sum(&marks, 1, 2), 1);
        assert_eq!(marks.read(0), (0, 0));
        assert_eq!(marks.record(0, true), None);
    });
}

#[test]
fn a_new_generation_starts_without_marks() {
    model(|| {
        let marks = CountRing::new(2);
        marks.record(0, true);
        marks.record(0, true);
        let marks = record(marks, &[&[(0, false)], &[(1, false), (1, true)]]);
        assert_eq!(assert_sum(&marks, 1, 2), 1);
    });
}

#[test]
fn a_call_of_an_ending_generation_leaves_no_mark() {
    bounded(3, || {
        let marks = record(CountRing::new(1), &[&[(0, true)], &[(1, false)], &[(2, true)]]);
        assert_eq!(assert_sum(&marks, 2, 1), 1);
        marks.record(2, false);
        assert_eq!(marks.read(2), (1, 0));
    });
}
