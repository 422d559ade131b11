//! Circuits with a half-open timeout.

use super::*;
use crate::breaker::transition::HalfOpenTimeout;
use CallResult::{Failure, Ignored, Success};

const LIMIT: u64 = 20;

fn within(undecided: HalfOpenTimeout, probes: ProbePolicy) -> ProbePolicy {
    ProbePolicy { limit: Some((LIMIT, undecided)), ..probes }
}

/// Asserts that the half-open timeout is over at `time`, and not before.
fn assert_over_at(bench: &Bench, time: u64) {
    assert!(!bench.tick(time - 1), "too early: {:?}", bench.cell.load());
    assert!(bench.tick(time), "not then: {:?}", bench.cell.load());
}

#[test]
fn a_limit_that_is_over_changes_the_circuit_once() {
    for undecided in [HalfOpenTimeout::Open, HalfOpenTimeout::Close] {
        bounded(3, move || {
            let look = |bench: &Bench| bench.tick(OPEN_FOR + LIMIT);
            let succeed = |bench: &Bench| is_transition(&bench.end(2, Success, OPEN_FOR + LIMIT));
            let probes = within(undecided, ONE_PROBE);
            let (bench, one, other, success) = all(Bench::half_open(probes, 1), look, look, succeed);
            assert_eq!([one, other, success].into_iter().filter(|moved| *moved).count(), 1);
            assert_eq!(bench.generation(), 3);
            let opened = (one || other) && undecided == HalfOpenTimeout::Open;
            assert_eq!(bench.phase() == Phase::Open, opened);
            assert_eq!(bench.cell.timer_ends_at(bench.cell.load()), opened.then_some(OPEN_FOR + LIMIT + OPEN_FOR));
        });
    }
}

#[test]
fn the_time_in_half_open_starts_once() {
    model(|| {
        let (bench, _, _) = both(
            Bench::open(within(HalfOpenTimeout::Open, ONE_PROBE)),
            |bench| bench.tick(OPEN_FOR),
            |bench| bench.admit(OPEN_FOR).unwrap(),
        );
        assert_over_at(&bench, OPEN_FOR + LIMIT);
    });
}

#[test]
fn a_new_round_keeps_the_limit_of_the_former_one() {
    bounded(3, || {
        let admit = |bench: &Bench| bench.admit(OPEN_FOR + LEASE).is_ok();
        let drop = |bench: &Bench| bench.end(2, Ignored, OPEN_FOR + LEASE);
        let probes = within(HalfOpenTimeout::Open, successes(2, 2));
        let (bench, one, other, _) = all(Bench::half_open(probes, 2), admit, admit, drop);
        assert!(one || other);
        assert_over_at(&bench, OPEN_FOR + LIMIT);
    });
}

// At most five preemptions, so that a run stays short.
#[test]
fn a_failed_probe_and_the_limit_open_the_circuit_once() {
    bounded(5, || {
        let fail = |bench: &Bench| is_transition(&bench.end(2, Failure, OPEN_FOR + LIMIT));
        let look = |bench: &Bench| bench.tick(OPEN_FOR + LIMIT);
        let (bench, failed, moved_on) = both(Bench::half_open(within(HalfOpenTimeout::Open, ONE_PROBE), 1), fail, look);
        assert!(failed != moved_on, "opened twice, or not at all");
        let word = bench.cell.load();
        assert_eq!((word.generation, word.streak, word.phase), (3, 2, Phase::Open));
        assert_eq!(bench.cell.timer_ends_at(word), Some(OPEN_FOR + LIMIT + OPEN_FOR));
    });
}

#[test]
fn no_probe_is_admitted_after_the_limit() {
    for undecided in [HalfOpenTimeout::Open, HalfOpenTimeout::Close] {
        bounded(3, move || {
            let admit = |bench: &Bench| bench.admit(OPEN_FOR + LIMIT);
            let drop = |bench: &Bench| bench.end(2, Ignored, OPEN_FOR + LIMIT);
            let (bench, one, other, _) = all(Bench::half_open(within(undecided, ONE_PROBE), 1), admit, admit, drop);
            for admitted in [one, other] {
                match (undecided, admitted) {
                    (HalfOpenTimeout::Open, Err(packed)) => assert_eq!(packed.wait(), Some(OPEN_FOR)),
                    (HalfOpenTimeout::Close, Ok(admitted)) => assert_eq!(admitted.generation, 3),
                    _ => panic!("{undecided:?}: {admitted:?}"),
                }
            }
            assert_eq!(bench.generation(), 3);
        });
    }
}

#[test]
fn a_late_thread_does_not_overwrite_a_later_limit() {
    bounded(4, || {
        let admit = |bench: &Bench| bench.admit(OPEN_FOR).is_ok();
        let reset_and_open = |bench: &Bench| {
            let since = bench.cell.update(StateWord::reset).1.generation;
            bench.end(since, Failure, OPEN_FOR);
            bench.admit(OPEN_FOR + OPEN_FOR).unwrap()
        };
        let (bench, _, _) = both(Bench::open(within(HalfOpenTimeout::Open, ONE_PROBE)), admit, reset_and_open);
        assert_over_at(&bench, OPEN_FOR + OPEN_FOR + LIMIT);
    });
}
