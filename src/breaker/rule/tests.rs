use proptest::prelude::*;

use super::*;
use crate::breaker::cell::GENERATION_MASK;

fn any_ratio() -> impl Strategy<Value = Ratio> {
    (0..=100_u32).prop_map(|percent| Ratio::percent(percent).unwrap())
}

fn any_share() -> impl Strategy<Value = Option<Share>> {
    proptest::option::of((any_ratio(), 1..50_u32).prop_map(|(at_least, minimum)| Share { at_least, minimum }))
}

fn any_rules() -> impl Strategy<Value = Rules> {
    (proptest::option::of(1..10_u32), any_share(), any_share()).prop_map(|(consecutive, failing, slow)| Rules {
        consecutive,
        failing,
        slow,
        custom: None,
    })
}

fn any_probing() -> impl Strategy<Value = Probing> {
    let verdict = prop_oneof![
        (1..=u8::MAX).prop_map(ProbeVerdict::Successes),
        (1..=u8::MAX, any_ratio()).prop_map(|(of, failing)| ProbeVerdict::Share { of, failing }),
    ];
    (1..=u8::MAX, verdict).prop_map(|(at_a_time, verdict)| Probing::new(at_a_time, verdict))
}

/// Also the last generation before they begin anew, and the longest streak.
fn any_word() -> impl Strategy<Value = Word> {
    let generation = prop_oneof![0..=GENERATION_MASK, Just(GENERATION_MASK)];
    let phase = prop_oneof![
        (0..20_u32, any::<bool>())
            .prop_map(|(failures_in_a_row, ramping)| Phase::Closed { failures_in_a_row, ramping }),
        Just(Phase::Open),
        any::<[u8; 3]>().prop_map(|[in_flight, counted, admitted]| Phase::HalfOpen { in_flight, counted, admitted }),
    ];
    (generation, 0..=Word::MAX_STREAK, phase).prop_map(|(generation, streak, phase)| Word {
        generation,
        mode: Mode::Auto,
        streak,
        phase,
    })
}

fn any_ending() -> impl Strategy<Value = Ending> {
    prop_oneof![Just(Ending::Success), Just(Ending::Failure), Just(Ending::Neither)]
}

fn any_counts() -> impl Strategy<Value = Counts> {
    (0..60_u32, 0..60_u32, 0..60_u32, 0..60_u32).prop_map(|(calls, failures, timed, slow)| Counts {
        calls,
        failures: failures.min(calls),
        timed,
        slow: slow.min(timed),
    })
}

fn timer(over: bool) -> Over {
    Over { timer: over, limit: false }
}

fn next_generation(word: Word) -> u32 {
    if word.generation == GENERATION_MASK { 0 } else { word.generation + 1 }
}

proptest! {
    #[test]
    fn a_change_of_state_begins_the_next_generation_and_nothing_else_does(
        rules in any_rules(), probing in any_probing(), word in any_word(), ending in any_ending(), counts in any_counts(),
    ) {
        let next = end(&rules, &probing, word, ending, counts);
        let changed = next.state() != word.state();
        prop_assert_eq!(next.generation, if changed { next_generation(word) } else { word.generation });
        let streak = match next.state() {
            State::Open if changed => (word.streak + 1).min(Word::MAX_STREAK),
            State::Closed if changed => 0,
            _ => word.streak,
        };
        prop_assert_eq!(next.streak, streak);
    }

    #[test]
    fn an_ending_that_says_nothing_only_frees_a_slot(
        rules in any_rules(), probing in any_probing(), word in any_word(), counts in any_counts(),
    ) {
        let next = end(&rules, &probing, word, Ending::Neither, counts);
        match (word.phase, next.phase) {
            (Phase::HalfOpen { in_flight, counted, .. }, Phase::HalfOpen { in_flight: left, counted: same, .. }) => {
                prop_assert_eq!((left, same), (in_flight.saturating_sub(1), counted));
            }
            _ => prop_assert_eq!(next, word),
        }
    }

    #[test]
    fn a_half_open_circuit_with_no_probe_on_its_way_sends_one_until_it_has_decided(
        rules in any_rules(), probing in any_probing(), word in any_word(), counts in any_counts(), over in any::<bool>(),
        ending in prop_oneof![Just(Ending::Success), Just(Ending::Failure)],
    ) {
        let Phase::HalfOpen { counted, admitted, .. } = word.phase else { return Ok(()) };
        prop_assume!(counted < probing.needed());
        let last = Word { phase: Phase::HalfOpen { in_flight: 1, counted, admitted }, ..word };
        let next = end(&rules, &probing, last, ending, counts);
        if next.state() == State::HalfOpen {
            let sent = matches!(admit(&probing, next, timer(over), Asking::Request), Admission::Probe(probe) if probe.generation == word.generation);
            prop_assert!(sent, "{next:?}");
        }
    }

    #[test]
    fn an_admission_never_exceeds_what_may_be_on_its_way(probing in any_probing(), word in any_word(), over in any::<bool>()) {
        match (word.phase, admit(&probing, word, timer(over), Asking::Request)) {
            (Phase::Closed { ramping: false, .. }, admission) => prop_assert_eq!(admission, Admission::Admit),
            (Phase::Closed { .. }, Admission::Ramp) => prop_assert!(!over),
            (Phase::Closed { .. }, Admission::Move(next)) => {
                prop_assert!(over && next.is_plainly_closed() && next.generation == word.generation);
            }
            (Phase::Closed { .. }, admission) => prop_assert!(false, "{admission:?} of a ramp"),
            (Phase::Open, Admission::Reject) => prop_assert!(!over),
            (Phase::HalfOpen { in_flight, .. }, Admission::Reject) => prop_assert!(!over || in_flight == 0),
            (_, Admission::Admit | Admission::Ramp | Admission::Move(_)) => prop_assert!(false, "let in without being counted"),
            (_, Admission::Probe(next)) => {
                let Phase::HalfOpen { in_flight, counted, .. } = next.phase else { panic!("{next:?}") };
                prop_assert!(in_flight >= 1 && in_flight <= probing.at_a_time);
                prop_assert!(u16::from(in_flight) + u16::from(counted) <= u16::from(probing.needed()));
                prop_assert!(next.generation == word.generation || (over && next.generation == next_generation(word)));
                prop_assert_ne!(next, word);
            }
        }
    }
}
