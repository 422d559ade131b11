//! Circuits in slow start, while other threads make calls.

use super::*;
use CallResult::{Failure, Success};

const SLOW_START: u64 = 20;

/// Closed at [`OPEN_FOR`], in generation 3.
fn slow_start(rules: Rules) -> Bench {
    let bench = Bench { slow_start: SLOW_START, rules, ..Bench::half_open(ONE_PROBE, 1) };
    assert!(is_transition(&bench.end(2, Success, OPEN_FOR)));
    bench
}

#[test]
fn a_call_during_a_relapse_is_admitted_or_has_a_time() {
    model(|| {
        let admit = |bench: &Bench| bench.admit(OPEN_FOR + 2);
        let fail = |bench: &Bench| bench.end(3, Failure, OPEN_FOR + 2);
        let (bench, admitted, failed) = both(slow_start(consecutive(1)), admit, fail);
        match admitted {
            Ok(admitted) => assert_eq!((admitted.generation, admitted.half_opened), (3, false)),
            Err(packed) => {
                assert_eq!((packed.state(), packed.wait()), (State::Open, Some(OPEN_FOR)));
            }
        }
        assert!(is_transition(&failed));
        assert_eq!((bench.generation(), bench.phase()), (4, Phase::Open));
    });
}

#[test]
fn a_failure_at_the_end_of_the_slow_start_is_counted() {
    model(|| {
        let fail = |bench: &Bench| bench.end(3, Failure, OPEN_FOR + SLOW_START);
        let look = |bench: &Bench| bench.tick(OPEN_FOR + SLOW_START);
        let (bench, failed, moved_on) = both(slow_start(consecutive(2)), fail, look);
        assert_eq!((failed, moved_on), (EndEffect::Unchanged, false), "the end of the slow start is not a transition");
        // The compare-exchange of the thread that ended the slow start may have failed because of
        // the failed call. Then the next thread ends the slow start.
        assert_eq!(bench.share(OPEN_FOR + SLOW_START), None);
        let one = Phase::Closed { failures_in_a_row: 1, slow_start: false };
        assert_eq!((bench.generation(), bench.phase()), (3, one));
    });
}

#[test]
fn a_probe_and_a_reported_success_close_once() {
    model(|| {
        let bench = Bench { slow_start: SLOW_START, ..Bench::half_open(ONE_PROBE, 1) };
        let probe = |bench: &Bench| is_transition(&bench.end(2, Success, OPEN_FOR + 1));
        let report = |bench: &Bench| {
            let (before, after, _) = bench.with_context(OPEN_FOR + 3, |context| bench.cell.report_success(context));
            before.generation != after.generation
        };
        let (bench, by_probe, by_report) = both(bench, probe, report);
        assert!(by_probe != by_report, "closed twice, or not at all");
        assert_eq!(bench.generation(), 3);
        let seen = bench.share(OPEN_FOR + 5);
        assert!(matches!(seen, Some(0.1 | 0.2)), "{seen:?}");
        assert_eq!(bench.share(OPEN_FOR + 3 + SLOW_START), None);
    });
}

#[test]
fn a_late_thread_does_not_overwrite_a_later_slow_start() {
    bounded(4, || {
        let bench = Bench { slow_start: SLOW_START, ..Bench::half_open(ONE_PROBE, 1) };
        let close = |bench: &Bench| bench.end(2, Success, OPEN_FOR);
        let close_twice = |bench: &Bench| {
            bench.with_context(OPEN_FOR, |context| bench.cell.report_success(context));
            let relapse = bench.end(3, Failure, OPEN_FOR);
            let probe = bench.admit(OPEN_FOR + OPEN_FOR).unwrap();
            (relapse, bench.end(probe.generation, Success, OPEN_FOR + OPEN_FOR))
        };
        let (bench, _, (relapse, closed)) = both(bench, close, close_twice);
        assert!(is_transition(&relapse) && is_transition(&closed), "{relapse:?}, {closed:?}");
        assert_eq!(bench.generation(), 6);
        assert_eq!(bench.share(OPEN_FOR + OPEN_FOR + 2), Some(0.1));
    });
}
