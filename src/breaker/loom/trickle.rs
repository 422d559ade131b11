//! Trickling probes: one per interval, whichever calls end in the meantime.

use super::*;
use CallResult::{Failure, Success};

const TRICKLE: ProbePolicy = ProbePolicy::new(u8::MAX, CloseCondition::Trickle);

/// Half-open with one probe in flight, in generation 2. Its interval ends at this time.
const INTERVAL_ENDS: u64 = 2 * OPEN_FOR;

fn half_open() -> Bench {
    Bench::half_open(TRICKLE, 1)
}

fn in_flight(bench: &Bench) -> u8 {
    match bench.phase() {
        Phase::HalfOpen { in_flight, .. } => in_flight,
        other => panic!("not half-open: {other:?}"),
    }
}

#[test]
fn one_of_two_calls_at_the_end_of_an_interval_is_admitted() {
    model(|| {
        let admit = |bench: &Bench| bench.admit(INTERVAL_ENDS).is_ok();
        let (bench, one, other) = both(half_open(), admit, admit);
        assert!(one != other, "{one}, {other}");
        assert_eq!(in_flight(&bench), 2);
        assert!(bench.admit(INTERVAL_ENDS + OPEN_FOR - 1).is_err());
        assert!(bench.admit(INTERVAL_ENDS + OPEN_FOR).is_ok());
    });
}

#[test]
fn one_of_two_calls_at_the_end_of_the_open_time_is_admitted() {
    model(|| {
        let admit = |bench: &Bench| bench.admit(OPEN_FOR).is_ok();
        let (bench, one, other) = both(Bench::open(TRICKLE), admit, admit);
        assert!(one != other, "{one}, {other}");
        assert_eq!(in_flight(&bench), 1);
        assert!(bench.admit(INTERVAL_ENDS - 1).is_err());
        assert!(bench.admit(INTERVAL_ENDS).is_ok());
    });
}

/// A call writes the end of its own interval before it changes the state word. Its compare-exchange
/// may then fail, because the only probe failed. The circuit is open until the end of that
/// interval, so at most one interval has no probe. At most five preemptions, so that a run stays
/// short.
#[test]
fn a_failed_probe_delays_the_next_by_one_interval() {
    bounded(5, || {
        let fail = |bench: &Bench| bench.end(2, Failure, INTERVAL_ENDS);
        let admit = |bench: &Bench| bench.admit(INTERVAL_ENDS);
        let (bench, failed, admitted) = both(half_open(), fail, admit);
        match (failed, admitted) {
            (EndEffect::Transitioned(_), Err(packed)) => {
                assert_eq!((packed.state(), packed.wait()), (State::Open, Some(OPEN_FOR)));
            }
            // The only probe in flight failed: open until the interval ends, which is now.
            (EndEffect::Transitioned(_), admitted) => {
                assert_eq!(admitted, Ok(Admitted { generation: 4, half_opened: true }));
                assert_eq!(in_flight(&bench), 1);
            }
            (_, admitted) => {
                assert_eq!(admitted, Ok(Admitted { generation: 2, half_opened: false }));
                assert_eq!(in_flight(&bench), 1);
            }
        }
        assert!(bench.admit(INTERVAL_ENDS + OPEN_FOR - 1).is_err());
        assert!(bench.admit(INTERVAL_ENDS + OPEN_FOR).is_ok());
    });
}

#[test]
fn a_success_closes_beside_another_admission() {
    model(|| {
        let succeed = |bench: &Bench| bench.end(2, Success, INTERVAL_ENDS);
        let admit = |bench: &Bench| bench.admit(INTERVAL_ENDS).map(|admitted| admitted.generation);
        let (bench, succeeded, admitted) = both(half_open(), succeed, admit);
        assert!(is_transition(&succeeded), "{succeeded:?}");
        assert!(matches!(admitted, Ok(2 | 3)), "{admitted:?}");
        assert_eq!((bench.generation(), bench.phase().is_closed()), (3, true));
    });
}

#[test]
fn a_success_closes_beside_a_failure_and_an_admission() {
    bounded(3, || {
        let bench = half_open();
        assert!(bench.admit(INTERVAL_ENDS).is_ok());
        let succeed = |bench: &Bench| bench.end(2, Success, 3 * OPEN_FOR);
        let fail = |bench: &Bench| bench.end(2, Failure, 3 * OPEN_FOR);
        let admit = |bench: &Bench| bench.admit(3 * OPEN_FOR).map(|admitted| admitted.generation);
        let (bench, succeeded, failed, admitted) = all(bench, succeed, fail, admit);
        assert!(is_transition(&succeeded), "another probe was in flight beside the failed one: {succeeded:?}");
        assert!(!is_transition(&failed), "{failed:?}");
        assert!(matches!(admitted, Ok(2 | 3)), "{admitted:?}");
        assert!(bench.phase().is_closed());
    });
}

#[test]
fn the_last_failed_probe_opens_until_the_interval_ends() {
    model(|| {
        let bench = half_open();
        assert!(bench.admit(INTERVAL_ENDS).is_ok());
        let fail = |bench: &Bench| bench.end(2, Failure, INTERVAL_ENDS + 1);
        let (bench, one, other) = both(bench, fail, fail);
        assert!(is_transition(&one) != is_transition(&other), "{one:?}, {other:?}");
        assert_eq!(bench.phase(), Phase::Open);
        assert_eq!(bench.cell.timer_ends_at(bench.cell.load()), Some(INTERVAL_ENDS + OPEN_FOR));
    });
}

#[test]
fn one_of_two_calls_is_admitted_beside_a_failure() {
    bounded(3, || {
        let bench = half_open();
        assert!(bench.admit(INTERVAL_ENDS).is_ok());
        let fail = |bench: &Bench| bench.end(2, Failure, 3 * OPEN_FOR);
        let admit = |bench: &Bench| bench.admit(3 * OPEN_FOR).is_ok();
        let (bench, _, one, other) = all(bench, fail, admit, admit);
        assert!(one != other, "{one}, {other}");
        assert_eq!(in_flight(&bench), 2);
    });
}

impl Phase {
    fn is_closed(self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}
