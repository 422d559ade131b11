//! Circuits of a group that open at the same time.

use super::*;
use CallResult::Failure;

fn member(group: &CircuitGroup) -> Bench {
    Bench { group: Some(group.clone()), ..Bench::closed(consecutive(1)) }
}

#[test]
fn one_of_two_circuits_opens_if_its_group_allows_one() {
    model(|| {
        let group = CircuitGroup::max_open(1).unwrap();
        let circuits = Arc::new([member(&group), member(&group)]);
        let there = Arc::clone(&circuits);
        let one = thread::spawn(move || there[0].end(0, Failure, 0));
        let other = circuits[1].end(0, Failure, 0);
        let one = one.join().unwrap();
        assert!(is_transition(&one) != is_transition(&other), "{one:?}, {other:?}");
        assert!([&one, &other].iter().any(|end| matches!(end, EndEffect::WouldOpen(_))), "{one:?}, {other:?}");
        assert_eq!(group.open_circuits(), 1);
    });
}

// At most four preemptions, so that a run stays short.
#[test]
fn a_circuit_that_two_failures_open_takes_one_slot() {
    bounded(4, || {
        let group = CircuitGroup::max_open(1).unwrap();
        let fail = |bench: &Bench| bench.end(0, Failure, 0);
        let (bench, one, other) = both(member(&group), fail, fail);
        assert!(is_transition(&one) != is_transition(&other), "{one:?}, {other:?}");
        assert_eq!((bench.phase(), bench.cell.load().streak, group.open_circuits()), (Phase::Open, 1, 1));
    });
}
