//! Modes that one thread sets while other threads make calls.

use super::*;
use crate::breaker::state::Mode;
use CallResult::{Failure, Success};

const PLAIN: Phase = Phase::Closed { failures_in_a_row: 0, slow_start: false };

fn force_open(bench: &Bench) -> u32 {
    bench.cell.update(|word| word.in_mode(Mode::ForcedOpen)).1.generation
}

fn end_mode(bench: &Bench) -> u32 {
    bench.cell.update(|word| word.in_mode(Mode::Auto)).1.generation
}

fn only_measure(bench: &Bench) -> u32 {
    bench.cell.update(|word| word.in_mode(Mode::MetricsOnly)).1.generation
}

fn would_open(ended: &EndEffect) -> bool {
    matches!(ended, EndEffect::WouldOpen(_))
}

#[test]
fn one_of_two_failures_reports_would_open() {
    model(|| {
        let bench = Bench::closed(consecutive(2));
        only_measure(&bench);
        let fail = |bench: &Bench| bench.end(1, Failure, 0);
        let (bench, one, other) = both(bench, fail, fail);
        assert!(would_open(&one) != would_open(&other), "{one:?}, {other:?}");
        assert_eq!((bench.generation(), bench.phase()), (1, Phase::Closed { failures_in_a_row: 2, slow_start: false }));
    });
}

#[test]
fn a_failure_from_before_the_mode_does_not_count() {
    model(|| {
        let (bench, before, after) = both(
            Bench::closed(half_of(2)),
            |bench| bench.end(0, Failure, 0),
            |bench| {
                let generation = only_measure(bench);
                bench.end(generation, Failure, 0)
            },
        );
        assert!(matches!(before, EndEffect::Unchanged | EndEffect::Stale), "{before:?}");
        assert_eq!(after, EndEffect::Unchanged);
        assert_eq!(bench.window.counts(1, || 0), Counts { calls: 1, failures: 1, ..Counts::default() });
    });
}

#[test]
fn a_call_at_the_end_of_a_mode_is_admitted_or_rejected() {
    model(|| {
        let bench = Bench::closed(consecutive(1));
        force_open(&bench);
        let (bench, admitted, _) = both(bench, |bench| bench.admit(0), end_mode);
        match admitted {
            Ok(admitted) => assert_eq!(admitted, Admitted { generation: 2, half_opened: false }),
            Err(packed) => assert_eq!((packed.state(), packed.wait()), (State::Open, None)),
        }
        assert!(bench.admit(0).is_ok());
    });
}

#[test]
fn a_probe_is_stale_after_a_mode_came_and_went() {
    bounded(5, || {
        let probe = |bench: &Bench| {
            let probe = bench.admit(OPEN_FOR).ok()?;
            Some((probe, bench.end(probe.generation, Failure, OPEN_FOR)))
        };
        let there_and_back = |bench: &Bench| (force_open(bench), end_mode(bench));
        let (bench, probed, (_, since)) = both(Bench::open(ONE_PROBE), probe, there_and_back);
        match probed {
            // The call was admitted after the mode ended. It is an ordinary call, whose failure
            // opens the circuit.
            Some((admitted, ended)) if admitted.generation == since => {
                assert!(is_transition(&ended));
                assert_eq!((bench.generation(), bench.phase()), (since + 1, Phase::Open));
            }
            _ => assert_eq!((bench.generation(), bench.phase()), (since, PLAIN)),
        }
        bench.assert_not_wedged();
    });
}

#[test]
fn a_mode_and_a_timer_each_start_a_generation() {
    bounded(3, || {
        let become_of = |ended: EndEffect| match ended {
            EndEffect::Transitioned(transition) => Some(transition.word.generation),
            _ => None,
        };
        let (bench, forced, failed, succeeded) = all(
            Bench::half_open(half_of_probes(2), 2),
            force_open,
            |bench| bench.end(2, Failure, OPEN_FOR),
            |bench| bench.end(2, Success, OPEN_FOR),
        );
        let mut begun: Vec<u32> =
            [Some(forced), become_of(failed), become_of(succeeded)].into_iter().flatten().collect();
        begun.sort_unstable();
        assert_eq!(begun, (3..=bench.generation()).collect::<Vec<_>>());
        assert_eq!((bench.cell.load().mode, bench.phase()), (Mode::ForcedOpen, Phase::Open));
    });
}
