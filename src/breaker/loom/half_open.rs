//! Which calls are admitted as probes, and what leases do.

use super::*;
use CallResult::{Failure, Ignored, Success};

fn in_flight(bench: &Bench) -> u8 {
    match bench.phase() {
        Phase::HalfOpen { in_flight, .. } => in_flight,
        other => panic!("not half-open: {other:?}"),
    }
}

#[test]
fn of_two_that_ask_when_the_open_time_ends_one_gets_the_probe_and_one_hears_of_its_lease() {
    model(|| {
        let ask = |bench: &Bench| bench.admit(OPEN_FOR);
        let (bench, one, other) = both(Bench::open(ONE_PROBE), ask, ask);
        let (admitted, packed) = match (one, other) {
            (Ok(admitted), Err(packed)) | (Err(packed), Ok(admitted)) => (admitted, packed),
            both => panic!("not exactly one probe: {both:?}"),
        };
        assert_eq!(admitted, Admitted { generation: 2, half_opened: true });
        assert_eq!(packed.wait(), Some(LEASE), "it is shorter than any hint");
        assert_eq!(in_flight(&bench), 1);
    });
}

#[test]
fn looking_at_it_when_the_open_time_ends_half_opens_it_once_and_takes_nobodys_probe() {
    bounded(3, || {
        let look = |bench: &Bench| bench.tick(OPEN_FOR);
        let ask = |bench: &Bench| bench.admit(OPEN_FOR).unwrap();
        let (bench, one, other, asked) = all(Bench::open(ONE_PROBE), look, look, ask);
        assert_eq!([one, other, asked.half_opened].into_iter().filter(|half_opened| *half_opened).count(), 1);
        assert_eq!((asked.generation, in_flight(&bench)), (2, 1));
        assert_eq!(bench.cell.timer_ends_at(bench.cell.load()), Some(OPEN_FOR + LEASE));
    });
}

#[test]
fn the_slot_of_a_dropped_probe_is_taken_by_one_of_those_who_ask() {
    bounded(3, || {
        let drop = |bench: &Bench| bench.end(2, Ignored, OPEN_FOR);
        let ask = |bench: &Bench| bench.admit(OPEN_FOR).is_ok();
        let (bench, _, one, other) = all(Bench::half_open(ONE_PROBE, 1), drop, ask, ask);
        assert!(!(one && other), "two probes at a time");
        assert_eq!(in_flight(&bench), u8::from(one || other));
        // Asked too early, both of them: the slot is still taken.
        assert_eq!(bench.admit(OPEN_FOR).is_ok(), !one && !other);
        bench.assert_not_wedged();
    });
}

#[test]
fn never_more_probes_are_on_their_way_than_may_be() {
    bounded(3, || {
        let ask = |bench: &Bench| bench.admit(OPEN_FOR).is_ok();
        let (bench, one, other, third) = all(Bench::open(successes(3, 2)), ask, ask, ask);
        assert_eq!([one, other, third].into_iter().filter(|admitted| *admitted).count(), 2);
        assert_eq!(in_flight(&bench), 2);
    });
}

#[test]
fn no_probe_is_sent_that_would_not_be_needed() {
    bounded(3, || {
        let succeed = |bench: &Bench| bench.end(2, Success, OPEN_FOR);
        let ask = |bench: &Bench| bench.admit(OPEN_FOR).is_ok();
        let (bench, _, one, other) = all(Bench::half_open(successes(2, 2), 1), succeed, ask, ask);
        assert!(one != other, "before the success or after it, one is missing");
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
fn a_probe_that_comes_back_when_its_lease_ends_counts_or_is_late() {
    for result in [Success, Failure, Ignored] {
        model(move || {
            let end: fn(&Bench) -> EndEffect = match result {
                Success => |bench| bench.end(2, Success, OPEN_FOR + LEASE),
                Failure => |bench| bench.end(2, Failure, OPEN_FOR + LEASE),
                _ => |bench| bench.end(2, Ignored, OPEN_FOR + LEASE),
            };
            let ask = |bench: &Bench| bench.admit(OPEN_FOR + LEASE);
            let (bench, ended, asked) = both(Bench::half_open(ONE_PROBE, 1), end, ask);
            let round = Phase::HalfOpen { in_flight: 1, counted: 0, admitted: 1 };
            match (result, ended) {
                (_, EndEffect::Stale) => assert_eq!((asked.unwrap().generation, bench.phase()), (3, round)),
                (Success, _) => assert_eq!(asked.unwrap().generation, bench.generation()),
                (Failure, _) => assert_eq!(asked.unwrap_err().wait(), Some(OPEN_FOR)),
                (_, _) => assert_eq!((asked.unwrap().generation, in_flight(&bench)), (2, 1)),
            }
            bench.assert_not_wedged();
        });
    }
}

#[test]
fn a_probe_that_comes_back_when_the_round_is_given_up_takes_nobodys_lease_away() {
    for result in [Success, Ignored] {
        model(move || {
            let end: fn(&Bench) -> EndEffect = match result {
                Success => |bench| bench.end(2, Success, OPEN_FOR + LEASE),
                _ => |bench| bench.end(2, Ignored, OPEN_FOR + LEASE),
            };
            let ask = |bench: &Bench| bench.admit(OPEN_FOR + LEASE);
            let (bench, _, asked) = both(Bench::half_open(successes(2, 2), 2), end, ask);
            // The other probe is lost.
            assert!(asked.is_ok(), "{asked:?}");
            bench.assert_not_wedged();
        });
    }
}

#[test]
fn nobody_is_rejected_without_being_told_until_when() {
    fn told(asked: Result<(), PackedRejection>) -> bool {
        asked.is_ok_and(|()| true) || asked.is_err_and(|packed| packed.wait().is_some_and(|wait| wait <= FAR))
    }
    model(|| {
        let ask = |bench: &Bench| bench.admit(OPEN_FOR + LEASE);
        let look = |bench: &Bench| bench.cell.peek(&bench.probes, || OPEN_FOR + LEASE);
        let (_, _, seen) = both(Bench::half_open(successes(2, 2), 2), ask, look);
        assert!(told(seen), "{seen:?}");
    });
    for look in [(|bench| bench.admit(0).map(drop)) as fn(&Bench) -> _, |bench| bench.cell.peek(&bench.probes, || 0)] {
        model(move || {
            let reopen = |bench: &Bench| {
                let probe = bench.admit(OPEN_FOR).unwrap();
                bench.end(probe.generation, Failure, OPEN_FOR)
            };
            let (_, _, seen) = both(Bench::open(ONE_PROBE), reopen, look);
            assert!(told(seen), "{seen:?}");
        });
    }
}

#[test]
fn of_two_that_ask_when_the_lease_ends_one_begins_the_new_round_whatever_comes_back() {
    bounded(3, || {
        let ask = |bench: &Bench| bench.admit(OPEN_FOR + LEASE);
        let drop = |bench: &Bench| bench.end(2, Ignored, OPEN_FOR + LEASE);
        let (bench, one, other, _) = all(Bench::half_open(ONE_PROBE, 1), ask, ask, drop);
        assert!(one.is_ok() != other.is_ok(), "{one:?}, {other:?}");
        assert_eq!(in_flight(&bench), 1);
        bench.assert_not_wedged();
    });
}

#[test]
fn of_two_probes_one_lost_and_one_back_the_next_round_has_no_more_than_may_be() {
    bounded(3, || {
        let ask = |bench: &Bench| bench.admit(OPEN_FOR + LEASE).is_ok();
        let succeed = |bench: &Bench| bench.end(2, Success, OPEN_FOR + LEASE);
        let (bench, one, other, _) = all(Bench::half_open(half_of_probes(2), 2), ask, ask, succeed);
        assert!(one || other);
        assert!(in_flight(&bench) <= 2);
        bench.assert_not_wedged();
    });
}

#[test]
fn a_reset_while_somebody_asks_for_the_probe_leaves_it_closed() {
    model(|| {
        let ask = |bench: &Bench| bench.admit(OPEN_FOR).unwrap();
        let (bench, asked, before) = both(Bench::open(ONE_PROBE), ask, |bench| bench.cell.update(StateWord::reset).0);
        assert_eq!(bench.phase(), Phase::Closed { failures_in_a_row: 0, slow_start: false });
        assert_eq!(asked.half_opened, matches!(before.phase, Phase::HalfOpen { .. }));
        // The result of the probe is stale.
        if asked.half_opened {
            assert_eq!(bench.end(asked.generation, Failure, OPEN_FOR), EndEffect::Stale);
        }
    });
}

#[test]
fn one_that_was_about_to_open_it_leaves_a_later_opening_alone() {
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
fn one_that_was_about_to_half_open_it_takes_no_later_lease_away() {
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
fn one_that_was_about_to_begin_a_round_leaves_a_later_one_alone() {
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
        // Two rounds of the one, or one of the other.
        assert_eq!(word.generation, later.map_or(3, |probe| probe.generation));
        let since = if later.is_some() { OPEN_FOR + LEASE + OPEN_FOR } else { OPEN_FOR + LEASE };
        assert_eq!((in_flight(&bench), bench.cell.timer_ends_at(word)), (1, Some(since + LEASE)));
    });
}
