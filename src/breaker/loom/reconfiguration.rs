//! Reconfigurations while calls end: a closed circuit may restart its counts at 0, in other
//! windows.

use super::*;
use CallResult::{Failure, Ignored, Success};

const PLAIN: Phase = Phase::Closed { failures_in_a_row: 0, slow_start: false };

/// Requests admission with other settings than those of the bench.
fn admit_with(bench: &Bench, probes: &ProbePolicy, now: u64) -> bool {
    bench
        .with_context(now, |context| {
            bench.cell.admit(TransitionContext { probes, ..context }, AdmissionKind::Request, |_| true, |_| {})
        })
        .is_ok()
}

#[test]
fn an_earlier_failure_is_not_counted_in_the_new_window() {
    model(|| {
        let (bench, before, after) = both(
            Bench::closed(half_of(2)),
            |bench| bench.end(0, Failure, 0),
            |bench| {
                bench.cell.clear_counts();
                bench.end(1, Failure, 0)
            },
        );
        assert!(matches!(before, EndEffect::Unchanged | EndEffect::Stale), "{before:?}");
        assert_eq!(after, EndEffect::Unchanged);
        assert_eq!(bench.window.counts(1, || 0), Counts { calls: 1, failures: 1, ..Counts::default() });
    });
}

#[test]
fn a_probe_that_ends_during_a_reconfiguration_counts() {
    for success in [true, false] {
        model(move || {
            let end: fn(&Bench) -> EndEffect = match success {
                true => |bench| bench.end(2, Success, OPEN_FOR),
                false => |bench| bench.end(2, Failure, OPEN_FOR),
            };
            let (bench, ended, ()) = both(Bench::half_open(ONE_PROBE, 1), end, |bench| bench.cell.clear_counts());
            assert!(is_transition(&ended), "{ended:?}");
            match success {
                // The circuit closed before or after its counts were cleared.
                true => assert!(matches!((bench.generation(), bench.phase()), (3 | 4, PLAIN))),
                false => assert_eq!((bench.generation(), bench.phase()), (3, Phase::Open)),
            }
        });
    }
}

#[test]
fn both_settings_must_have_room_for_a_probe() {
    bounded(3, || {
        let (bench, by_two, by_one, _) = all(
            Bench::half_open(successes(3, 2), 1),
            |bench| bench.admit(OPEN_FOR).is_ok(),
            |bench| admit_with(bench, &successes(3, 1), OPEN_FOR),
            |bench| bench.end(2, Ignored, OPEN_FOR),
        );
        assert!(by_two, "either setting has room for one");
        let in_flight = 1 + u8::from(by_one);
        assert!(
            matches!(bench.phase(), Phase::HalfOpen { in_flight, .. } if in_flight == in_flight),
            "{:?}, where {in_flight} should be in flight",
            bench.phase()
        );
        bench.assert_not_wedged();
    });
}
