//! How long calls have been failing: rows of failures, the openings that they cause, and the calls
//! that end them.

use super::*;
use CallResult::{Failure, Success};

/// Opens after two failures in a row, if the first ended at least 5 µs ago.
fn two_lasting_five() -> Bench {
    let rules = Rules { consecutive: Some(ConsecutiveThreshold { failures: 2, lasting: 5 }), ..Rules::default() };
    Bench { times_failure_rows: true, ..Bench::closed(rules) }
}

fn fails(bench: &Bench, now: u64) -> EndEffect {
    bench.end(0, Failure, now)
}

/// The failing time that led to an open time.
fn failing_for(ended: &EndEffect) -> Option<u64> {
    match ended {
        EndEffect::Transitioned(opened) => Some(opened.open_for - OPEN_FOR),
        _ => None,
    }
}

#[test]
fn the_row_of_two_first_failures_starts_at_one_of_them() {
    model(|| {
        let (bench, ..) = both(two_lasting_five(), |bench| fails(bench, 10), |bench| fails(bench, 12));
        assert_eq!(fails(&bench, 14), EndEffect::Unchanged, "not even the earlier one is old enough");
        let failing_for = failing_for(&fails(&bench, 17));
        assert!(matches!(failing_for, Some(5 | 7)), "{failing_for:?}");
    });
}

#[test]
fn a_success_and_a_failure_at_once_leave_no_old_start() {
    model(|| {
        let bench = two_lasting_five();
        fails(&bench, 0);
        let (bench, _, failed) = both(bench, |bench| bench.end(0, Success, 100), |bench| fails(bench, 100));
        match failing_for(&failed) {
            Some(failing_for) => assert_eq!(failing_for, 100, "the failure came first"),
            None => {
                assert_eq!(fails(&bench, 103), EndEffect::Unchanged, "the row is at most 3 old");
                assert!(failing_for(&fails(&bench, 108)).is_some_and(|time| time == 8 || time == 5));
            }
        }
    });
}

#[test]
fn a_success_and_two_failures_at_once_leave_no_old_start() {
    bounded(3, || {
        let bench = two_lasting_five();
        fails(&bench, 0);
        let succeed = |bench: &Bench| bench.end(0, Success, 100);
        let (bench, _, one, other) = all(bench, succeed, |bench| fails(bench, 100), |bench| fails(bench, 101));
        match failing_for(&one).or(failing_for(&other)) {
            Some(time) => assert!(time == 100 || time == 101, "the failure came first: {time}"),
            None => assert_eq!(fails(&bench, 104), EndEffect::Unchanged, "the row is at most 4 old"),
        }
    });
}

// At most five preemptions, so that a run stays short.
#[test]
fn an_opening_carries_the_start_of_the_row() {
    bounded(5, || {
        let bench = two_lasting_five();
        fails(&bench, 1);
        let (bench, one, other) = both(bench, |bench| fails(bench, 10), |bench| fails(bench, 12));
        assert!(is_transition(&one) != is_transition(&other), "{one:?}, {other:?}");
        assert!(matches!((failing_for(&one), failing_for(&other)), (Some(9), None) | (None, Some(11))));
        assert_eq!(bench.cell.failing_since().map(|since| since.elapsed(20)), Some(19));
    });
}

#[test]
fn a_reopening_carries_the_start_of_the_row() {
    bounded(3, || {
        let bench = Bench { times_failure_rows: true, ..Bench::half_open(successes(2, 2), 2) };
        let (bench, one, other) = both(bench, |bench| bench.end(2, Failure, 30), |bench| bench.end(2, Failure, 31));
        assert!(is_transition(&one) != is_transition(&other), "{one:?}, {other:?}");
        assert!(matches!((failing_for(&one), failing_for(&other)), (Some(30), None) | (None, Some(31))));
        assert_eq!(bench.cell.failing_since().map(|since| since.elapsed(40)), Some(40));
    });
}

#[test]
fn a_row_after_a_closing_has_its_own_start() {
    model(|| {
        let bench = Bench { times_failure_rows: true, ..Bench::half_open(ONE_PROBE, 1) };
        let rules = Rules { consecutive: Some(ConsecutiveThreshold { failures: 2, lasting: 5 }), ..Rules::default() };
        let bench = Bench { rules, ..bench };
        let close = |bench: &Bench| bench.end(2, Success, 100);
        let fail = |bench: &Bench| bench.end(3, Failure, 100);
        let (bench, _, failed) = both(bench, close, fail);
        let row = u64::from(failed != EndEffect::Stale);
        assert_eq!(bench.end(3, Failure, 103), EndEffect::Unchanged);
        assert_eq!(failing_for(&bench.end(3, Failure, 108)), Some(5 + 3 * row));
    });
}
