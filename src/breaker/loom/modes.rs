//! Modes that one thread sets while other threads make calls.

use super::*;
use crate::breaker::state::Mode;
use CallResult::{Failure, Success};

const PLAIN: Phase = Phase::Closed { failures_in_a_row: 0, slow_start: false };

fn force_open(bench: &Bench) -> u32 {
    bench.cell.update(|word| word.in_mode(Mode::ForcedOpen)).1.generation
}

fn discard(bench: &Bench) -> u32 {
    bench.cell.update(|word| word.in_mode(Mode::Auto)).1.generation
}

fn only_measure(bench: &Bench) -> u32 {
    bench.cell.update(|word| word.in_mode(Mode::MetricsOnly)).1.generation
}

fn would_open(ended: &EndEffect) -> bool {
    matches!(ended, EndEffect::WouldOpen(_))
}

#[test]
fn of_two_failures_at_once_that_would_have_opened_it_one_says_so() {
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
fn a_failure_that_a_mode_overtakes_is_not_among_those_that_would_have_opened_it() {
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
fn whoever_asks_while_it_is_let_go_gets_in_or_is_told_that_it_was_forced_open() {
    model(|| {
        let bench = Bench::closed(consecutive(1));
        force_open(&bench);
        let (bench, asked, _) = both(bench, |bench| bench.admit(0), let_go);
        match asked {
            Ok(admitted) => assert_eq!(admitted, Admitted { generation: 2, half_opened: false }),
            Err(packed) => assert_eq!((packed.state(), packed.wait()), (State::Open, None)),
        }
        assert!(bench.admit(0).is_ok());
    });
}

#[test]
fn a_probe_has_no_say_in_a_circuit_that_was_forced_open_and_let_go_meanwhile() {
    bounded(5, || {
        let probe = |bench: &Bench| {
            let probe = bench.admit(OPEN_FOR).ok()?;
            Some((probe, bench.end(probe.generation, Failure, OPEN_FOR)))
        };
        let there_and_back = |bench: &Bench| (force_open(bench), let_go(bench));
        let (bench, probed, (_, since)) = both(Bench::open(ONE_PROBE), probe, there_and_back);
        match probed {
            // Asked after the mode ended: an ordinary call, whose failure opens the circuit.
            Some((asked, ended)) if asked.generation == since => {
                assert!(is_transition(&ended));
                assert_eq!((bench.generation(), bench.phase()), (since + 1, Phase::Open));
            }
            _ => assert_eq!((bench.generation(), bench.phase()), (since, PLAIN)),
        }
        bench.assert_not_wedged();
    });
}

#[test]
fn whoever_steers_it_and_whoever_moves_it_on_each_begin_a_generation_of_their_own() {
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
