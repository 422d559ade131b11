use proptest::prelude::*;

use super::*;
use crate::{
    Ratio,
    breaker::{
        generation::GENERATION_MASK,
        state::{Mode, State},
        window::Counts,
    },
};

fn any_ratio() -> impl Strategy<Value = Ratio> {
    (0..=100_u32).prop_map(|percent| Ratio::percent(percent).unwrap())
}

fn any_share() -> impl Strategy<Value = Option<Share>> {
    proptest::option::of((any_ratio(), 1..50_u32).prop_map(|(at_least, minimum)| Share { at_least, minimum }))
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let consecutive = (1..10_u32, 0..3_u64).prop_map(|(failures, lasting)| Consecutive { failures, lasting });
    (proptest::option::of(consecutive), any_share(), any_share()).prop_map(|(consecutive, failing, slow)| Rules {
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
        Just(ProbeVerdict::Trickle),
    ];
    let undecided = prop_oneof![Just(Undecided::Open), Just(Undecided::Close)];
    (1..=u8::MAX, verdict, proptest::option::of((any::<u64>(), undecided)), any::<bool>())
        .prop_map(|(at_a_time, verdict, limit, own)| Probing { limit, own, ..Probing::new(at_a_time, verdict) })
}

/// Also the last generation before they begin anew, and more probes than settings of today would let in.
fn any_word() -> impl Strategy<Value = Word> {
    let generation = prop_oneof![0..=GENERATION_MASK, Just(GENERATION_MASK)];
    let closed = (0..20_u32, any::<bool>())
        .prop_map(|(failures_in_a_row, ramping)| Phase::Closed { failures_in_a_row, ramping });
    let half_open =
        any::<[u8; 3]>().prop_map(|[in_flight, counted, admitted]| Phase::HalfOpen { in_flight, counted, admitted });
    let closed_mode = prop_oneof![Just(Mode::Auto), Just(Mode::ForcedClosed), Just(Mode::MetricsOnly)];
    let open_mode = prop_oneof![Just(Mode::Auto), Just(Mode::ForcedOpen)];
    let phase = prop_oneof![(closed_mode, closed), (open_mode, Just(Phase::Open)), (Just(Mode::Auto), half_open),];
    (generation, 0..=Word::MAX_STREAK, phase).prop_map(|(generation, streak, (mode, phase))| Word {
        generation,
        mode,
        streak,
        answered: generation % 2 == 1 && matches!(phase, Phase::Closed { .. }),
        phase,
    })
}

fn any_over() -> impl Strategy<Value = Over> {
    any::<(bool, bool)>().prop_map(|(timer, limit)| Over { timer, limit })
}

fn any_asking() -> impl Strategy<Value = Asking> {
    prop_oneof![Just(Asking::Request), Just(Asking::Probe)]
}

fn any_ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Success),
        Just(Ending::Failure),
        Just(Ending::Slow),
        Just(Ending::Neutral),
        Just(Ending::Dropped),
        Just(Ending::Neither)
    ]
}

fn any_counts() -> impl Strategy<Value = Counts> {
    (0..60_u32, 0..60_u32, 0..60_u32, 0..60_u32).prop_map(|(calls, failures, timed, slow)| Counts {
        calls,
        failures: failures.min(calls),
        timed,
        slow: slow.min(timed),
        in_a_row: 0,
    })
}

fn next_generation(word: Word) -> u32 {
    if word.generation == GENERATION_MASK { 0 } else { word.generation + 1 }
}

/// A change of state begins the next generation, and nothing else does.
fn assert_turned(word: Word, next: Word) -> Result<(), TestCaseError> {
    let changed = next.state() != word.state();
    prop_assert_eq!(next.generation, if changed { next_generation(word) } else { word.generation });
    match next.state() {
        State::Open if changed => prop_assert_eq!(next.streak, (word.streak + 1).min(Word::MAX_STREAK)),
        State::Closed if changed => prop_assert_eq!(next.streak, 0),
        _ => prop_assert!(next.streak == word.streak || word.mode == Mode::MetricsOnly),
    }
    prop_assert_eq!(next.mode, word.mode);
    prop_assert!(!changed || word.mode == Mode::Auto, "the mode has the say");
    Ok(())
}

proptest! {
    #[test]
    fn a_change_of_state_begins_the_next_generation_and_nothing_else_does(
        rules in any_rules(), probing in any_probing(), word in any_word(), ending in any_ending(), counts in any_counts(),
        over in any_over(), lasted in 0..3_u64,
    ) {
        assert_turned(word, end(&rules, &probing, word, ending, (counts, lasted)))?;
        assert_turned(word, look(&probing, word, over).unwrap_or(word))?;
    }

    #[test]
    fn a_probe_that_says_nothing_only_frees_its_slot(
        rules in any_rules(), probing in any_probing(), word in any_word(), counts in any_counts(),
    ) {
        let Phase::HalfOpen { in_flight, counted, admitted } = word.phase else { return Ok(()) };
        let freed = Phase::HalfOpen { in_flight: in_flight.saturating_sub(1), counted, admitted };
        prop_assert_eq!(end(&rules, &probing, word, Ending::Neither, (counts, 0)), Word { phase: freed, ..word });
    }

    /// Whatever the settings were when the others were admitted.
    #[test]
    fn a_half_open_circuit_with_no_probe_on_its_way_lets_one_in(
        probing in any_probing(), word in any_word(), counted in any::<u8>(), timer in any::<bool>(),
    ) {
        let phase = Phase::HalfOpen { in_flight: 0, counted, admitted: 0 };
        let idle = Word { phase, mode: Mode::Auto, ..word };
        let admission = admit(&probing, idle, Over { timer, limit: false }, Asking::Probe);
        let is_probe = matches!(admission, Admission::Probe(_));
        prop_assert!(is_probe, "{:?}", admission);
    }

    #[test]
    fn an_admission_never_exceeds_what_may_be_on_its_way(
        probing in any_probing(), word in any_word(), over in any_over(), asking in any_asking(),
    ) {
        let barred = probing.own && asking == Asking::Request;
        match (word.phase, admit(&probing, word, over, asking)) {
            (Phase::Closed { ramping, .. }, Admission::Admit) => prop_assert!(!ramping),
            (Phase::Closed { ramping, .. }, Admission::Ramp) => prop_assert!(ramping && !over.timer),
            (Phase::Open, Admission::Reject) => {
                prop_assert!(!over.timer || barred || word.mode == Mode::ForcedOpen);
            }
            (Phase::HalfOpen { in_flight, .. }, Admission::Reject) => {
                prop_assert!(barred || (in_flight > 0 || probing.trickles()) && !over.timer);
            }
            (Phase::HalfOpen { admitted, .. }, Admission::Probe(next)) if probing.trickles() => {
                let Phase::HalfOpen { in_flight, admitted: now_admitted, .. } = next.phase else { panic!("{next:?}") };
                prop_assert!(!barred && in_flight >= 1 && now_admitted >= 1 && (over.timer || admitted == 0));
                prop_assert_ne!(next, word);
            }
            (Phase::Open | Phase::HalfOpen { .. }, Admission::Probe(next)) => {
                let Phase::HalfOpen { in_flight, counted, .. } = next.phase else { panic!("{next:?}") };
                prop_assert!(!barred && in_flight >= 1 && in_flight <= probing.at_a_time);
                prop_assert!(u16::from(in_flight) + u16::from(counted) <= u16::from(probing.needed()));
                prop_assert!(next.generation == word.generation || next.generation == next_generation(word));
                prop_assert_ne!(next, word);
            }
            (Phase::Closed { .. }, Admission::Move(next)) => prop_assert!(over.timer && next.is_plainly_closed()),
            (Phase::HalfOpen { .. }, Admission::Move(next)) => {
                prop_assert!(over.limit && probing.limit.is_some());
                assert_turned(word, next)?;
            }
            (_, admission) => prop_assert!(false, "{:?}", admission),
        }
    }
}
