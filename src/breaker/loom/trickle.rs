//! Trickling probes: one per interval, whatever ends in the meantime.

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
        let ask = |bench: &Bench| bench.admit(INTERVAL_ENDS).is_ok();
        let (bench, one, other) = both(half_open(), ask, ask);
        assert!(one != other, "{one}, {other}");
        assert_eq!(in_flight(&bench), 2);
        assert!(bench.admit(INTERVAL_ENDS + OPEN_FOR - 1).is_err());
        assert!(bench.admit(INTERVAL_ENDS + OPEN_FOR).is_ok());
    });
}

#[test]
fn one_of_two_calls_at_the_end_of_the_open_time_is_admitted() {
    model(|| {
        let ask = |bench: &Bench| bench.admit(OPEN_FOR).is_ok();
        let (bench, one, other) = both(Bench::open(TRICKLE), ask, ask);
        assert!(one != other, "{one}, {other}");
        assert_eq!(in_flight(&bench), 1);
        assert!(bench.admit(INTERVAL_ENDS - 1).is_err());
        assert!(bench.admit(INTERVAL_ENDS).is_ok());
    });
}

/// A call that loses the word to the failure of the only probe may have written the end of its own
/// interval before. The circuit is open until then, so at most one interval has no probe. At most
/// five preemptions, so that a run stays short.
#[test]
fn a_probe_that_fails_meanwhile_delays_the_next_by_one_interval() {
    bounded(5, || {
        let fail = |bench: &Bench| bench.end(2, Failure, INTERVAL_ENDS);
        let ask = |bench: &Bench| bench.admit(INTERVAL_ENDS);
        let (bench, failed, asked) = both(half_open(), fail, ask);
        match (failed, asked) {
            (EndEffect::Transitioned(_), Err(packed)) => {
                assert_eq!((packed.state(), packed.wait()), (State::Open, Some(OPEN_FOR)));
            }
            // The only probe in flight failed: open until the interval ends, which is now.
            (EndEffect::Transitioned(_), asked) => {
                assert_eq!(asked, Ok(Admitted { generation: 4, half_opened: true }));
                assert_eq!(in_flight(&bench), 1);
            }
            (_, asked) => {
                assert_eq!(asked, Ok(Admitted { generation: 2, half_opened: false }));
                assert_eq!(in_flight(&bench), 1);
            }
        }
        assert!(bench.admit(INTERVAL_ENDS + OPEN_FOR - 1).is_err());
        assert!(bench.admit(INTERVAL_ENDS + OPEN_FOR).is_ok());
    });
}

#[test]
fn a_success_closes_it_whoever_is_admitted_meanwhile() {
    model(|| {
        let succeed = |bench: &Bench| bench.end(2, Success, INTERVAL_ENDS);
        let ask = |bench: &Bench| bench.admit(INTERVAL_ENDS).map(|admitted| admitted.generation);
        let (bench, succeeded, asked) = both(half_open(), succeed, ask);
        assert!(is_transition(&succeeded), "{succeeded:?}");
        assert!(matches!(asked, Ok(2 | 3)), "{asked:?}");
        assert_eq!((bench.generation(), bench.phase().is_closed()), (3, true));
    });
}

#[test]
fn a_success_closes_it_or_comes_after_a_failure_and_an_admission() {
    bounded(3, || {
        let bench = half_open();
        assert!(bench.admit(INTERVAL_ENDS).is_ok());
        let succeed = |bench: &Bench| bench.end(2, Success, 3 * OPEN_FOR);
        let fail = |bench: &Bench| bench.end(2, Failure, 3 * OPEN_FOR);
        let ask = |bench: &Bench| bench.admit(3 * OPEN_FOR).map(|admitted| admitted.generation);
        let (bench, succeeded, failed, asked) = all(bench, succeed, fail, ask);
        assert!(is_transition(&succeeded), "the failure had another probe beside it: {succeeded:?}");
        assert!(!is_transition(&failed), "{failed:?}");
        assert!(matches!(asked, Ok(2 | 3)), "{asked:?}");
        assert!(bench.phase().is_closed());
    });
}

#[test]
fn the_last_of_two_probes_that_fail_opens_it_until_the_interval_ends() {
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
fn a_call_with_a_failure_and_another_call_at_once_is_admitted_once() {
    bounded(3, || {
        let bench = half_open();
        assert!(bench.admit(INTERVAL_ENDS).is_ok());
        let fail = |bench: &Bench| bench.end(2, Failure, 3 * OPEN_FOR);
        let ask = |bench: &Bench| bench.admit(3 * OPEN_FOR).is_ok();
        let (bench, _, one, other) = all(bench, fail, ask, ask);
        assert!(one != other, "{one}, {other}");
        assert_eq!(in_flight(&bench), 2);
    });
}

impl Phase {
    fn is_closed(self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}
