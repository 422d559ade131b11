//! Calls that end during a reset, during a report without a permit, or in slow start.

use super::*;
use crate::breaker::state::Mode;
use CallResult::{Failure, Success};

const SLOW_START: u64 = 20;

const ROW_OF_ONE: Phase = Phase::Closed { failures_in_a_row: 1, slow_start: false };
const PLAIN: Phase = Phase::Closed { failures_in_a_row: 0, slow_start: false };

#[test]
fn a_circuit_forced_open_while_it_opens_stays_forced() {
    model(|| {
        let force = |bench: &Bench| bench.cell.update(|word| word.in_mode(Mode::ForcedOpen));
        let fail = |bench: &Bench| bench.end(0, Failure, 0);
        let (bench, _, _) = both(Bench::closed(consecutive(1)), force, fail);
        assert_eq!((bench.cell.load().mode, bench.phase()), (Mode::ForcedOpen, Phase::Open));
        assert!(bench.admit(FAR).is_err());
    });
}

#[test]
fn a_circuit_forced_open_while_it_half_opens_stays_forced() {
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
fn a_reported_success_precedes_the_opening_or_closes_it() {
    model(|| {
        let bench = Bench::closed(consecutive(2));
        bench.end(0, Failure, 0);
        let (bench, failed, (before, _, _)) = both(
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
fn a_circuit_that_counts_anew_is_open_or_has_no_counts() {
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
fn a_call_in_a_slow_start_sees_its_beginning() {
    model(|| {
        let bench = Bench { slow_start: SLOW_START, ..Bench::half_open(ONE_PROBE, 1) };
        let succeed = |bench: &Bench| bench.end(2, Success, OPEN_FOR);
        let (bench, _, seen) = both(bench, succeed, |bench| bench.share(OPEN_FOR + 2));
        // `None` if the share was read before the success, when the slow start hadn't begun.
        assert!(seen.is_none() || seen == Some(0.1), "{seen:?}");
        assert_eq!(bench.share(OPEN_FOR + 2), Some(0.1));
    });
}

#[test]
fn a_slow_start_continues_when_counts_are_cleared() {
    model(|| {
        let bench = Bench { slow_start: SLOW_START, rules: consecutive(3), ..Bench::half_open(ONE_PROBE, 1) };
        bench.end(2, Success, OPEN_FOR);
        let fail = |bench: &Bench| bench.end(3, Failure, OPEN_FOR + 1);
        let (bench, _, ()) = both(bench, fail, |bench| bench.cell.clear_counts());
        assert_eq!(bench.share(OPEN_FOR + 2), Some(0.1));
        assert_eq!(bench.share(OPEN_FOR + SLOW_START), None);
    });
}

#[test]
fn an_opening_ends_the_slow_start() {
    model(|| {
        let bench = Bench { slow_start: SLOW_START, ..Bench::half_open(ONE_PROBE, 1) };
        bench.end(2, Success, OPEN_FOR);
        let fail = |bench: &Bench| bench.end(3, Failure, OPEN_FOR + SLOW_START);
        let end_ramp = |bench: &Bench| bench.share(OPEN_FOR + SLOW_START);
        let (bench, _, seen) = both(bench, fail, end_ramp);
        assert_eq!((seen, bench.generation(), bench.phase()), (None, 4, Phase::Open));
    });
}
