//! Ends of calls while the circuit is closed, and calls that request admission at the same time.

use super::*;
use CallResult::{Failure, Success};

#[test]
fn two_failures_that_reach_the_threshold_open_once() {
    model(|| {
        let fail = |bench: &Bench| bench.end(0, Failure, 0);
        let (bench, one, other) = both(Bench::closed(consecutive(2)), fail, fail);
        assert!(is_transition(&one) != is_transition(&other), "{one:?}, {other:?}");
        assert_eq!((bench.generation(), bench.phase()), (1, Phase::Open));
    });
}

// At most five preemptions, so that a run stays short.
#[test]
fn of_two_failures_one_opens_and_one_is_stale() {
    bounded(5, || {
        let fail = |bench: &Bench| bench.end(0, Failure, 0);
        let (bench, one, other) = both(Bench::closed(consecutive(1)), fail, fail);
        assert!(is_transition(&one) != is_transition(&other), "{one:?}, {other:?}");
        assert!(one == EndEffect::Stale || other == EndEffect::Stale, "{one:?}, {other:?}");
        let word = bench.cell.load();
        assert_eq!((word.generation, word.streak, word.phase), (1, 1, Phase::Open));
    });
}

#[test]
fn a_rejection_of_an_open_circuit_has_a_time() {
    bounded(3, || {
        let fail = |bench: &Bench| bench.end(0, Failure, 0);
        let admit = |bench: &Bench| bench.admit(OPEN_FOR - 1);
        let (_, _, _, admitted) = all(Bench::closed(consecutive(2)), fail, fail, admit);
        match admitted {
            Ok(admitted) => assert_eq!((admitted.generation, admitted.half_opened), (0, false)),
            Err(packed) => assert_eq!((packed.state(), packed.wait()), (State::Open, Some(1))),
        }
    });
}

#[test]
fn the_circuit_stays_open_until_the_open_time_is_over() {
    model(|| {
        let fail = |bench: &Bench| bench.end(0, Failure, 0);
        let look = |bench: &Bench| {
            let half_opened = bench.tick(OPEN_FOR - 1);
            (half_opened, bench.cell.peek(&bench.probes, || OPEN_FOR - 1))
        };
        let (_, _, (half_opened, peeked)) = both(Bench::closed(consecutive(1)), fail, look);
        assert!(!half_opened);
        assert_eq!(peeked.map_err(|packed| packed.wait()), peeked.and(Ok(())).or(Err(Some(1))));
    });
}

#[test]
fn a_success_beside_a_failure_leaves_at_most_one_failure() {
    model(|| {
        let bench = Bench::closed(consecutive(3));
        bench.end(0, Failure, 0);
        let (bench, _, _) = both(bench, |bench| bench.end(0, Success, 0), |bench| bench.end(0, Failure, 0));
        // The success ended the row before the failure, or after it.
        assert!(
            matches!(bench.phase(), Phase::Closed { failures_in_a_row: 0 | 1, slow_start: false }),
            "a failure before the success was kept: {:?}",
            bench.phase()
        );
    });
}

#[test]
fn a_success_ends_the_row_or_is_stale() {
    model(|| {
        let bench = Bench::closed(consecutive(2));
        bench.end(0, Failure, 0);
        let (bench, success, failure) = both(bench, |bench| bench.end(0, Success, 0), |bench| bench.end(0, Failure, 0));
        match success {
            EndEffect::Unchanged => assert!(matches!(bench.phase(), Phase::Closed { .. }), "{failure:?}"),
            EndEffect::Stale => assert_eq!((bench.phase(), is_transition(&failure)), (Phase::Open, true)),
            EndEffect::Transitioned(..) | EndEffect::WouldOpen(_) => panic!("a success opened it"),
        }
    });
}

#[test]
fn two_failures_that_fill_the_window_open_once() {
    bounded(5, || {
        let fail = |bench: &Bench| bench.end(0, Failure, 0);
        let (bench, one, other) = both(Bench::closed(half_of(2)), fail, fail);
        let counts = match (one, other) {
            (EndEffect::Transitioned(opened), EndEffect::Unchanged | EndEffect::Stale) => opened.counts,
            (EndEffect::Unchanged | EndEffect::Stale, EndEffect::Transitioned(opened)) => opened.counts,
            both => panic!("not exactly one transition: {both:?}"),
        };
        // The thread that opens the circuit may count both calls, but only one of the two failures.
        // One of two is a half, which opens the circuit.
        assert!(counts.calls == 2 && counts.failures >= 1, "{counts:?}");
        assert_eq!((bench.generation(), bench.phase()), (1, Phase::Open));
    });
}

// At most five preemptions, so that a run stays short.
#[test]
fn a_success_and_a_failure_that_fill_the_window_open_once() {
    bounded(5, || {
        let (bench, success, failure) =
            both(Bench::closed(half_of(2)), |bench| bench.end(0, Success, 0), |bench| bench.end(0, Failure, 0));
        assert!(is_transition(&success) != is_transition(&failure), "{success:?}, {failure:?}");
        assert_eq!((bench.generation(), bench.phase()), (1, Phase::Open));
    });
}

#[test]
fn a_slow_success_and_a_fast_failure_open_once() {
    bounded(5, || {
        let all_slow = RateThreshold { at_least: Ratio::HALF, minimum: 2 };
        let rules = Rules { slow: Some(all_slow), ..half_of(2) };
        let (bench, slow, failure) = both(
            Bench::closed(rules),
            |bench| bench.end_timed(0, Success, true, 0),
            |bench| bench.end_timed(0, Failure, false, 0),
        );
        assert!(is_transition(&slow) != is_transition(&failure), "{slow:?}, {failure:?}");
        assert_eq!((bench.generation(), bench.phase()), (1, Phase::Open));
    });
}

#[test]
fn a_stale_result_changes_nothing() {
    for result in [Success, Failure] {
        bounded(3, move || {
            let late: fn(&Bench) -> EndEffect = match result {
                Success => |bench| bench.end(0, Success, 0),
                _ => |bench| bench.end(0, Failure, 0),
            };
            let fail = |bench: &Bench| bench.end(0, Failure, 0);
            let admit = |bench: &Bench| bench.admit(OPEN_FOR);
            let (bench, _, _, admitted) = all(Bench::closed(consecutive(1)), fail, late, admit);
            let probe = Phase::HalfOpen { in_flight: 1, counted: 0, admitted: 1 };
            let expected = if admitted.unwrap().half_opened { (2, probe) } else { (1, Phase::Open) };
            assert_eq!((bench.generation(), bench.phase()), expected);
        });
    }
}

#[test]
fn a_reset_beside_the_last_failure_leaves_the_circuit_closed() {
    model(|| {
        let (bench, ended, before) = both(
            Bench::closed(consecutive(1)),
            |bench| bench.end(0, Failure, 0),
            |bench| bench.cell.update(StateWord::reset).0,
        );
        // The reset came first and the failure is stale, or the failure opened the circuit and the
        // reset closed it again.
        match ended {
            EndEffect::Stale => assert_eq!(before.phase, Phase::Closed { failures_in_a_row: 0, slow_start: false }),
            EndEffect::Transitioned(transition) => assert_eq!(before, transition.word),
            EndEffect::WouldOpen(_) => panic!("the mode lets it open"),
            EndEffect::Unchanged => panic!("a failure at the threshold changed nothing"),
        }
        let word = bench.cell.load();
        assert_eq!((word.streak, word.phase), (0, Phase::Closed { failures_in_a_row: 0, slow_start: false }));
    });
}

#[test]
fn a_failure_from_before_a_reset_is_not_in_the_window() {
    model(|| {
        let (bench, _, _) = both(
            Bench::closed(half_of(3)),
            |bench| bench.end(0, Failure, 0),
            |bench| {
                bench.cell.update(StateWord::reset).0;
                bench.end(1, Failure, 0)
            },
        );
        let counts = bench.window.counts(1, || 0);
        assert_eq!(counts, Counts { calls: 1, failures: 1, ..Counts::default() });
    });
}
