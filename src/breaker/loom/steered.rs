//! Circuits that are reset or reported to from outside, and circuits in slow start, while calls
//! end.

use super::*;
use crate::breaker::state::Mode;
use CallResult::{Failure, Success};

const RAMP: u64 = 20;

const ROW_OF_ONE: Phase = Phase::Closed { failures_in_a_row: 1, slow_start: false };
const PLAIN: Phase = Phase::Closed { failures_in_a_row: 0, slow_start: false };

#[test]
fn a_circuit_that_is_forced_open_when_it_opens_stays_so() {
    model(|| {
        let force = |bench: &Bench| bench.cell.update(|word| word.in_mode(Mode::ForcedOpen));
        let fail = |bench: &Bench| bench.end(0, Failure, 0);
        let (bench, _, _) = both(Bench::closed(consecutive(1)), force, fail);
        assert_eq!((bench.cell.load().mode, bench.phase()), (Mode::ForcedOpen, Phase::Open));
        assert!(bench.admit(FAR).is_err());
    });
}

#[test]
fn a_circuit_that_is_forced_open_when_it_half_opens_stays_so() {
    bounded(5, || {
        let force = |bench: &Bench| bench.cell.update(|word| word.in_mode(Mode::ForcedOpen));
        let probe = |bench: &Bench| {
            let probe = bench.admit(OPEN_FOR).ok()?;
            Some(bench.end(probe.generation, Success, OPEN_FOR))
        };
        let (bench, _, _) = both(Bench::open(ONE_PROBE), force, probe);
        assert_eq!((bench.cell.load().mode, bench.phase()), (Mode::ForcedOpen, Phase::Open));
        assert!(bench.admit(FAR).is_err());
    });
}

#[test]
fn a_success_from_elsewhere_comes_before_the_last_failure_or_closes_what_it_opened() {
    model(|| {
        let bench = Bench::closed(consecutive(2));
        bench.end(0, Failure, 0);
        let (bench, failed, (before, _)) = both(
            bench,
            |bench| bench.end(0, Failure, 0),
            |bench| bench.with_context(0, |context| bench.cell.report_success(context)),
        );
        match before.phase {
            Phase::Open => assert!(is_transition(&failed) && bench.phase() == PLAIN),
            _ => assert_eq!((failed, bench.phase()), (EndEffect::Unchanged, ROW_OF_ONE)),
        }
    });
}

#[test]
fn a_circuit_that_counts_anew_when_it_opens_is_open_or_has_forgotten() {
    model(|| {
        let bench = Bench::closed(consecutive(2));
        bench.end(0, Failure, 0);
        let (bench, failed, ()) = both(bench, |bench| bench.end(0, Failure, 0), |bench| bench.cell.clear_counts());
        match failed {
            EndEffect::Stale => assert_eq!((bench.generation(), bench.phase()), (1, PLAIN)),
            _ => assert_eq!((bench.generation(), bench.phase()), (1, Phase::Open)),
        }
    });
}

#[test]
fn whoever_meets_a_ramp_knows_when_it_began() {
    model(|| {
        let bench = Bench { slow_start: RAMP, ..Bench::half_open(ONE_PROBE, 1) };
        let succeed = |bench: &Bench| bench.end(2, Success, OPEN_FOR);
        let (bench, _, seen) = both(bench, succeed, |bench| bench.share(OPEN_FOR + 2));
        // Asked before the success: the slow start hadn't begun.
        assert!(seen.is_none() || seen == Some(0.1), "{seen:?}");
        assert_eq!(bench.share(OPEN_FOR + 2), Some(0.1));
    });
}

#[test]
fn a_ramp_goes_on_when_its_circuit_counts_anew_whatever_ends_meanwhile() {
    model(|| {
        let bench = Bench { slow_start: RAMP, rules: consecutive(3), ..Bench::half_open(ONE_PROBE, 1) };
        bench.end(2, Success, OPEN_FOR);
        let fail = |bench: &Bench| bench.end(3, Failure, OPEN_FOR + 1);
        let (bench, _, ()) = both(bench, fail, |bench| bench.cell.clear_counts());
        assert_eq!(bench.share(OPEN_FOR + 2), Some(0.1));
        assert_eq!(bench.share(OPEN_FOR + RAMP), None);
    });
}

#[test]
fn a_circuit_that_opens_while_it_ramps_up_leaves_no_ramp_behind() {
    model(|| {
        let bench = Bench { slow_start: RAMP, ..Bench::half_open(ONE_PROBE, 1) };
        bench.end(2, Success, OPEN_FOR);
        let fail = |bench: &Bench| bench.end(3, Failure, OPEN_FOR + RAMP);
        let end_ramp = |bench: &Bench| bench.share(OPEN_FOR + RAMP);
        let (bench, _, seen) = both(bench, fail, end_ramp);
        assert_eq!((seen, bench.generation(), bench.phase()), (None, 4, Phase::Open));
    });
}
