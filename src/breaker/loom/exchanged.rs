//! Reconfigurations while calls end: a closed circuit may count anew, in other windows.

use super::*;
use CallResult::{Failure, Ignored, Success};

const PLAIN: Phase = Phase::Closed { failures_in_a_row: 0, slow_start: false };

/// Asks with other settings than those of the bench.
fn ask_by(bench: &Bench, probes: &ProbePolicy, now: u64) -> bool {
    bench
        .with_context(now, |context| {
            bench.cell.admit(TransitionContext { probes, ..context }, AdmissionKind::Request, |_| true, |_| {})
        })
        .is_ok()
}

#[test]
fn a_failure_of_before_that_ends_by_the_new_settings_is_not_in_the_new_window() {
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
fn a_probe_that_comes_back_meanwhile_has_its_say() {
    for success in [true, false] {
        model(move || {
            let end: fn(&Bench) -> EndEffect = match success {
                true => |bench| bench.end(2, Success, OPEN_FOR),
                false => |bench| bench.end(2, Failure, OPEN_FOR),
            };
            let (bench, ended, ()) = both(Bench::half_open(ONE_PROBE, 1), end, |bench| bench.cell.clear_counts());
            assert!(is_transition(&ended), "{ended:?}");
            match success {
                // Closed before or after it counts anew.
                true => assert!(matches!((bench.generation(), bench.phase()), (3 | 4, PLAIN))),
                false => assert_eq!((bench.generation(), bench.phase()), (3, Phase::Open)),
            }
        });
    }
}

#[test]
fn whoever_goes_by_fewer_probes_gets_in_only_where_there_is_room_by_both() {
    bounded(3, || {
        let (bench, by_two, by_one, _) = all(
            Bench::half_open(successes(3, 2), 1),
            |bench| bench.admit(OPEN_FOR).is_ok(),
            |bench| ask_by(bench, &successes(3, 1), OPEN_FOR),
            |bench| bench.end(2, Ignored, OPEN_FOR),
        );
        assert!(by_two, "there was room for one in any case");
        let on_their_way = 1 + u8::from(by_one);
        assert!(
            matches!(bench.phase(), Phase::HalfOpen { in_flight, .. } if in_flight == on_their_way),
            "{:?}, where {on_their_way} should be on their way",
            bench.phase()
        );
        bench.assert_not_wedged();
    });
}
