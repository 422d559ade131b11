//! Results of several probes at the same time.

use super::*;
use CallResult::{Failure, Ignored, Success};

#[test]
fn two_probes_that_end_at_once_decide_once_with_both_results() {
    model(|| {
        let (bench, success, failure) = both(
            Bench::half_open(half_of_probes(2), 2),
            |bench| bench.end(2, Success, OPEN_FOR),
            |bench| bench.end(2, Failure, OPEN_FOR),
        );
        let (word, counts) = match (success, failure) {
            (EndEffect::Transitioned(Transition { word, counts, .. }), EndEffect::Unchanged)
            | (EndEffect::Unchanged, EndEffect::Transitioned(Transition { word, counts, .. })) => (word, counts),
            both => panic!("not exactly one decision: {both:?}"),
        };
        assert_eq!((counts.calls, counts.failures), (2, 1));
        assert_eq!(word, bench.cell.load());
        assert_eq!((word.phase, word.generation, word.streak), (Phase::Open, 3, 2));
        assert_eq!(bench.cell.timer_ends_at(word), Some(OPEN_FOR + OPEN_FOR));
    });
}

#[test]
fn two_successes_at_once_close_the_circuit_once() {
    model(|| {
        let succeed = |bench: &Bench| bench.end(2, Success, OPEN_FOR);
        let (bench, one, other) = both(Bench::half_open(successes(2, 2), 2), succeed, succeed);
        assert!(is_transition(&one) != is_transition(&other), "{one:?}, {other:?}");
        let word = bench.cell.load();
        assert_eq!((word.generation, word.streak), (3, 0));
        assert_eq!(word.phase, Phase::Closed { failures_in_a_row: 0, slow_start: false });
    });
}

#[test]
fn a_probe_failure_beside_a_success_reopens_the_circuit_once() {
    bounded(5, || {
        let (bench, success, failure) = both(
            Bench::half_open(successes(2, 2), 2),
            |bench| bench.end(2, Success, OPEN_FOR),
            |bench| bench.end(2, Failure, OPEN_FOR),
        );
        assert!(is_transition(&success) != is_transition(&failure), "{success:?}, {failure:?}");
        assert_eq!((bench.generation(), bench.phase()), (3, Phase::Open));
    });
}

#[test]
fn three_probes_that_end_at_once_all_count() {
    bounded(3, || {
        let succeed = |bench: &Bench| bench.end(2, Success, OPEN_FOR);
        let fail = |bench: &Bench| bench.end(2, Failure, OPEN_FOR);
        let (bench, one, other, third) = all(Bench::half_open(half_of_probes(3), 3), succeed, fail, fail);
        let decided: Vec<EndEffect> = [one, other, third].into_iter().filter(is_transition).collect();
        match decided[..] {
            [EndEffect::Transitioned(Transition { word, counts, .. })] => {
                assert_eq!((counts.calls, counts.failures), (3, 2));
                assert_eq!((word, word.phase), (bench.cell.load(), Phase::Open));
            }
            _ => panic!("not exactly one decision: {decided:?}"),
        }
    });
}

#[test]
fn a_cancelled_probe_does_not_count_beside_a_failed_one() {
    model(|| {
        let (bench, dropped, failed) = both(
            Bench::half_open(half_of_probes(2), 2),
            |bench| bench.end(2, Ignored, OPEN_FOR),
            |bench| bench.end(2, Failure, OPEN_FOR),
        );
        assert_eq!((dropped, failed), (EndEffect::Unchanged, EndEffect::Unchanged));
        assert_eq!(bench.phase(), Phase::HalfOpen { in_flight: 0, counted: 1, admitted: 2 });
        assert_eq!(bench.cell.probe_counts(2), Counts { calls: 1, failures: 1, timed: 1, ..Counts::default() });
    });
}

// At most five preemptions, so that a run stays short.
#[test]
fn a_lost_probe_does_not_count_in_the_next_round() {
    bounded(5, || {
        let bench = Bench::half_open(half_of_probes(2), 2);
        let (bench, _, ()) = both(
            bench,
            |bench| bench.end(2, Failure, OPEN_FOR + LEASE),
            |bench| {
                let probe = bench.admit(OPEN_FOR + LEASE).unwrap();
                bench.end(probe.generation, Success, OPEN_FOR + LEASE);
            },
        );
        let word = bench.cell.load();
        let counts = bench.cell.probe_counts(word.generation);
        match word.generation {
            // The thread that requested admission found the slot of the lost probe free: one round,
            // with both results.
            2 => assert_eq!((counts.calls, counts.failures), (2, 1)),
            _ => assert_eq!((counts.calls, counts.failures), (1, 0)),
        }
        bench.assert_not_wedged();
    });
}
