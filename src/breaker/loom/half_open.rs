//! Which calls are admitted as probes, and the effect of leases.

use super::*;
use CallResult::{Failure, Ignored, Success};

fn in_flight(bench: &Bench) -> u8 {
    match bench.phase() {
        Phase::HalfOpen { in_flight, .. } => in_flight,
        other => panic!("not half-open: {other:?}"),
    }
}

#[test]
fn one_of_two_calls_after_the_open_time_is_the_probe() {
    model(|| {
        let admit = |bench: &Bench| bench.admit(OPEN_FOR);
        let (bench, one, other) = both(Bench::open(ONE_PROBE), admit, admit);
        let (admitted, packed) = match (one, other) {
            (Ok(admitted), Err(packed)) | (Err(packed), Ok(admitted)) => (admitted, packed),
            both => panic!("not exactly one probe: {both:?}"),
        };
        assert_eq!(admitted, Admitted { generation: 2, half_opened: true });
        assert_eq!(packed.wait(), Some(LEASE), "the lease is shorter than any hint");
        assert_eq!(in_flight(&bench), 1);
    });
}

#[test]
fn reading_the_state_half_opens_once_and_takes_no_slot() {
    bounded(3, || {
        let look = |bench: &Bench| bench.tick(OPEN_FOR);
        let admit = |bench: &Bench| bench.admit(OPEN_FOR).unwrap();
        let (bench, one, other, admitted) = all(Bench::open(ONE_PROBE), look, look, admit);
        assert_eq!([one, other, admitted.half_opened].into_iter().filter(|half_opened| *half_opened).count(), 1);
        assert_eq!((admitted.generation, in_flight(&bench)), (2, 1));
        assert_eq!(bench.cell.timer_ends_at(bench.cell.load()), Some(OPEN_FOR + LEASE));
    });
}

#[test]
fn the_slot_of_a_dropped_probe_is_taken_once() {
    bounded(3, || {
        let drop = |bench: &Bench| bench.end(2, Ignored, OPEN_FOR);
        let admit = |bench: &Bench| bench.admit(OPEN_FOR).is_ok();
        let (bench, _, one, other) = all(Bench::half_open(ONE_PROBE, 1), drop, admit, admit);
        assert!(!(one && other), "two probes at a time");
        assert_eq!(in_flight(&bench), u8::from(one || other));
        // If both calls came too early, the slot is still taken.
        assert_eq!(bench.admit(OPEN_FOR).is_ok(), !one && !other);
        bench.assert_not_wedged();
    });
}

#[test]
fn probes_in_flight_never_exceed_the_maximum() {
    bounded(3, || {
        let admit = |bench: &Bench| bench.admit(OPEN_FOR).is_ok();
        let (bench, one, other, third) = all(Bench::open(successes(3, 2)), admit, admit, admit);
        assert_eq!([one, other, third].into_iter().filter(|admitted| *admitted).count(), 2);
        assert_eq!(in_flight(&bench), 2);
    });
}

#[test]
fn no_probe_is_admitted_that_is_not_needed() {
    bounded(3, || {
        let succeed = |bench: &Bench| bench.end(2, Success, OPEN_FOR);
        let admit = |bench: &Bench| bench.admit(OPEN_FOR).is_ok();
        let (bench, _, one, other) = all(Bench::half_open(successes(2, 2), 1), succeed, admit, admit);
        assert!(one != other, "one result is missing");
        assert_eq!(bench.phase(), Phase::HalfOpen { in_flight: 1, counted: 1, admitted: 2 });
        bench.assert_not_wedged();
    });
}

#[test]
fn the_lease_is_that_of_the_newest_probe() {
    model(|| {
        let (bench, early, late) = both(
            Bench::half_open(half_of_probes(3), 1),
            |bench| bench.admit(OPEN_FOR + 1).is_ok(),
            |bench| bench.admit(OPEN_FOR + 2).is_ok(),
        );
        assert!(early && late);
        assert_eq!(bench.cell.timer_ends_at(bench.cell.load()), Some(OPEN_FOR + 2 + LEASE));
    });
}

#[test]
fn a_probe_at_the_end_of_its_lease_counts_or_is_stale() {
    for result in [Success, Failure, Ignored] {
        model(move || {
            let end: fn(&Bench) -> EndEffect = match result {
                Success => |bench| bench.end(2, Success, OPEN_FOR + LEASE),
                Failure => |bench| bench.end(2, Failure, OPEN_FOR + LEASE),
                _ => |bench| bench.end(2, Ignored, OPEN_FOR + LEASE),
            };
            let admit = |bench: &Bench| bench.admit(OPEN_FOR + LEASE);
            let (bench, ended, admitted) = both(Bench::half_open(ONE_PROBE, 1), end, admit);
            let round = Phase::HalfOpen { in_flight: 1, counted: 0, admitted: 1 };
            match (result, ended) {
                (_, EndEffect::Stale) => assert_eq!((admitted.unwrap().generation, bench.phase()), (3, round)),
                (Success, _) => assert_eq!(admitted.unwrap().generation, bench.generation()),
                (Failure, _) => assert_eq!(admitted.unwrap_err().wait(), Some(OPEN_FOR)),
                (_, _) => assert_eq!((admitted.unwrap().generation, in_flight(&bench)), (2, 1)),
            }
            bench.assert_not_wedged();
        });
    }
}

#[test]
fn a_probe_that_ends_keeps_the_lease_of_the_next_round() {
    for result in [Success, Ignored] {
        model(move || {
            let end: fn(&Bench) -> EndEffect = match result {
                Success => |bench| bench.end(2, Success, OPEN_FOR + LEASE),
                _ => |bench| bench.end(2, Ignored, OPEN_FOR + LEASE),
            };
            let admit = |bench: &Bench| bench.admit(OPEN_FOR + LEASE);
            let (bench, _, admitted) = both(Bench::half_open(successes(2, 2), 2), end, admit);
            // The other probe is lost.
            assert!(admitted.is_ok(), "{admitted:?}");
            bench.assert_not_wedged();
        });
    }
}

#[test]
fn every_rejection_has_a_time() {
    fn has_time(admitted: Result<(), PackedRejection>) -> bool {
        admitted.is_ok_and(|()| true) || admitted.is_err_and(|packed| packed.wait().is_some_and(|wait| wait <= FAR))
    }
    model(|| {
        let admit = |bench: &Bench| bench.admit(OPEN_FOR + LEASE);
        let look = |bench: &Bench| bench.cell.peek(&bench.probes, || OPEN_FOR + LEASE);
        let (_, _, seen) = both(Bench::half_open(successes(2, 2), 2), admit, look);
        assert!(has_time(seen), "{seen:?}");
    });
    for look in [(|bench| bench.admit(0).map(drop)) as fn(&Bench) -> _, |bench| bench.cell.peek(&bench.probes, || 0)] {
        model(move || {
            let reopen = |bench: &Bench| {
                let probe = bench.admit(OPEN_FOR).unwrap();
                bench.end(probe.generation, Failure, OPEN_FOR)
            };
            let (_, _, seen) = both(Bench::open(ONE_PROBE), reopen, look);
            assert!(has_time(seen), "{seen:?}");
        });
    }
}

#[test]
fn one_of_two_calls_after_the_lease_starts_the_round() {
    bounded(3, || {
        let admit = |bench: &Bench| bench.admit(OPEN_FOR + LEASE);
        let drop = |bench: &Bench| bench.end(2, Ignored, OPEN_FOR + LEASE);
        let (bench, one, other, _) = all(Bench::half_open(ONE_PROBE, 1), admit, admit, drop);
        assert!(one.is_ok() != other.is_ok(), "{one:?}, {other:?}");
        assert_eq!(in_flight(&bench), 1);
        bench.assert_not_wedged();
    });
}

#[test]
fn a_round_after_a_lost_probe_respects_the_maximum() {
    bounded(3, || {
        let admit = |bench: &Bench| bench.admit(OPEN_FOR + LEASE).is_ok();
        let succeed = |bench: &Bench| bench.end(2, Success, OPEN_FOR + LEASE);
        let (bench, one, other, _) = all(Bench::half_open(half_of_probes(2), 2), admit, admit, succeed);
        assert!(one || other);
        assert!(in_flight(&bench) <= 2);
        bench.assert_not_wedged();
    });
}

#[test]
fn a_reset_beside_an_admission_leaves_the_circuit_closed() {
    model(|| {
        let admit = |bench: &Bench| bench.admit(OPEN_FOR).unwrap();
        let (bench, admitted, before) =
            both(Bench::open(ONE_PROBE), admit, |bench| bench.cell.update(StateWord::reset).0);
        assert_eq!(bench.phase(), Phase::Closed { failures_in_a_row: 0, slow_start: false });
        assert_eq!(admitted.half_opened, matches!(before.phase, Phase::HalfOpen { .. }));
        // The result of the probe is stale.
        if admitted.half_opened {
            assert_eq!(bench.end(admitted.generation, Failure, OPEN_FOR), EndEffect::Stale);
        }
    });
}

#[test]
fn a_late_thread_does_not_overwrite_a_later_opening() {
    bounded(5, || {
        let (bench, _, opened_twice) = both(
            Bench::closed(consecutive(1)),
            |bench| bench.end(0, Failure, 1),
            |bench| {
                bench.end(0, Failure, 0);
                let probe = bench.admit(1 + OPEN_FOR).unwrap();
                is_transition(&bench.end(probe.generation, Failure, 1 + OPEN_FOR))
            },
        );
        assert!(opened_twice);
        let word = bench.cell.load();
        assert_eq!((word.generation, word.streak, word.phase), (3, 2, Phase::Open));
        assert_eq!(bench.cell.timer_ends_at(word), Some(1 + OPEN_FOR + OPEN_FOR));
    });
}

#[test]
fn a_late_thread_does_not_overwrite_a_later_lease() {
    bounded(5, || {
        let (bench, _, _) = both(
            Bench::open(ONE_PROBE),
            |bench| bench.admit(OPEN_FOR + LEASE),
            |bench| (bench.admit(OPEN_FOR), bench.admit(OPEN_FOR + LEASE)),
        );
        assert_eq!(bench.cell.timer_ends_at(bench.cell.load()), Some(OPEN_FOR + LEASE + LEASE));
        bench.assert_not_wedged();
    });
}

#[test]
fn a_late_thread_does_not_overwrite_a_later_round() {
    bounded(5, || {
        let (bench, _, later) = both(
            Bench::half_open(ONE_PROBE, 1),
            |bench| bench.admit(OPEN_FOR + LEASE),
            |bench| {
                let probe = bench.admit(OPEN_FOR + LEASE).ok()?;
                bench.end(probe.generation, Failure, OPEN_FOR + LEASE);
                bench.admit(OPEN_FOR + LEASE + OPEN_FOR).ok()
            },
        );
        let word = bench.cell.load();
        // If the second thread admitted a probe at the later time, that probe is in flight.
        // Otherwise it is the first thread's probe, in generation 3.
        assert_eq!(word.generation, later.map_or(3, |probe| probe.generation));
        let since = if later.is_some() { OPEN_FOR + LEASE + OPEN_FOR } else { OPEN_FOR + LEASE };
        assert_eq!((in_flight(&bench), bench.cell.timer_ends_at(word)), (1, Some(since + LEASE)));
    });
}
