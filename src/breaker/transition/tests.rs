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

fn any_share() -> impl Strategy<Value = Option<RateThreshold>> {
    proptest::option::of((any_ratio(), 1..50_u32).prop_map(|(at_least, minimum)| RateThreshold { at_least, minimum }))
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let consecutive = (1..10_u32, 0..3_u64).prop_map(|(failures, lasting)| ConsecutiveThreshold { failures, lasting });
    (proptest::option::of(consecutive), any_share(), any_share()).prop_map(|(consecutive, failing, slow)| Rules {
        consecutive,
        failing,
        slow,
        custom: None,
    })
}

fn any_probing() -> impl Strategy<Value = ProbePolicy> {
    let verdict = prop_oneof![
        (1..=u8::MAX).prop_map(CloseCondition::Successes),
        (1..=u8::MAX, any_ratio()).prop_map(|(of, failing)| CloseCondition::FailureRate { of, failing }),
        Just(CloseCondition::Trickle),
    ];
    let undecided = prop_oneof![Just(HalfOpenTimeout::Open), Just(HalfOpenTimeout::Close)];
    (1..=u8::MAX, verdict, proptest::option::of((any::<u64>(), undecided)), any::<bool>()).prop_map(
        |(max_concurrent, verdict, limit, external_only)| ProbePolicy {
            limit,
            external_only,
            ..ProbePolicy::new(max_concurrent, verdict)
        },
    )
}

/// Any word, including the last generation before the counter wraps, and more probes than the
/// present settings would admit.
fn any_word() -> impl Strategy<Value = StateWord> {
    let generation = prop_oneof![0..=GENERATION_MASK, Just(GENERATION_MASK)];
    let closed = (0..20_u32, any::<bool>())
        .prop_map(|(failures_in_a_row, slow_start)| Phase::Closed { failures_in_a_row, slow_start });
    let half_open =
        any::<[u8; 3]>().prop_map(|[in_flight, counted, admitted]| Phase::HalfOpen { in_flight, counted, admitted });
    let closed_mode = prop_oneof![Just(Mode::Auto), Just(Mode::ForcedClosed), Just(Mode::MetricsOnly)];
    let open_mode = prop_oneof![Just(Mode::Auto), Just(Mode::ForcedOpen)];
    let phase = prop_oneof![(closed_mode, closed), (open_mode, Just(Phase::Open)), (Just(Mode::Auto), half_open),];
    (generation, 0..=StateWord::MAX_STREAK, phase).prop_map(|(generation, streak, (mode, phase))| StateWord {
        generation,
        mode,
        streak,
        answered: generation % 2 == 1 && matches!(phase, Phase::Closed { .. }),
        phase,
    })
}

fn any_over() -> impl Strategy<Value = ElapsedTimers> {
    any::<(bool, bool)>().prop_map(|(timer, limit)| ElapsedTimers { timer, limit })
}

fn any_asking() -> impl Strategy<Value = AdmissionKind> {
    prop_oneof![Just(AdmissionKind::Request), Just(AdmissionKind::Probe)]
}

fn any_ending() -> impl Strategy<Value = CallResult> {
    prop_oneof![
        Just(CallResult::Success),
        Just(CallResult::Failure),
        Just(CallResult::Slow),
        Just(CallResult::Neutral),
        Just(CallResult::Cancelled),
        Just(CallResult::Ignored)
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

fn next_generation(word: StateWord) -> u32 {
    if word.generation == GENERATION_MASK { 0 } else { word.generation + 1 }
}

/// Asserts that the word starts the next generation if its state changed, and keeps its generation
/// otherwise.
fn assert_turned(word: StateWord, next: StateWord) -> Result<(), TestCaseError> {
    let changed = next.state() != word.state();
    prop_assert_eq!(next.generation, if changed { next_generation(word) } else { word.generation });
    match next.state() {
        State::Open if changed && word.state() == State::Closed => prop_assert_eq!(next.streak, 1),
        State::Open if changed => prop_assert_eq!(next.streak, (word.streak + 1).min(StateWord::MAX_STREAK)),
        State::Closed if changed => prop_assert_eq!(next.streak, 0),
        _ => prop_assert!(next.streak == word.streak || word.mode == Mode::MetricsOnly),
    }
    prop_assert_eq!(next.mode, word.mode);
    prop_assert!(!changed || word.mode == Mode::Auto, "only in automatic mode");
    Ok(())
}

proptest! {
    #[test]
    fn only_a_change_of_state_starts_a_generation(
        rules in any_rules(), probes in any_probing(), word in any_word(), result in any_ending(), counts in any_counts(),
        elapsed in any_over(), lasted in 0..3_u64,
    ) {
        assert_turned(word, after_call(&rules, &probes, word, result, counts, lasted, true))?;
        assert_turned(word, after_time(&probes, word, elapsed).unwrap_or(word))?;
    }

    #[test]
    fn an_ignored_probe_only_frees_its_slot(
        rules in any_rules(), probes in any_probing(), word in any_word(), counts in any_counts(),
    ) {
        let Phase::HalfOpen { in_flight, counted, admitted } = word.phase else { return Ok(()) };
        let freed = Phase::HalfOpen { in_flight: in_flight.saturating_sub(1), counted, admitted };
        prop_assert_eq!(after_call(&rules, &probes, word, CallResult::Ignored, counts, 0, true), StateWord { phase: freed, ..word });
    }

    /// Holds for any settings at the time when the other probes were admitted.
    #[test]
    fn a_half_open_circuit_without_probes_admits_one(
        probes in any_probing(), word in any_word(), counted in any::<u8>(), timer in any::<bool>(),
    ) {
        let phase = Phase::HalfOpen { in_flight: 0, counted, admitted: 0 };
        let idle = StateWord { phase, mode: Mode::Auto, ..word };
        let admission = decide_admission(&probes, idle, ElapsedTimers { timer, limit: false }, AdmissionKind::Probe);
        let is_probe = matches!(admission, AdmissionDecision::Probe(_));
        prop_assert!(is_probe, "{:?}", admission);
    }

    #[test]
    fn an_admission_never_exceeds_the_maximum_of_probes(
        probes in any_probing(), word in any_word(), elapsed in any_over(), kind in any_asking(),
    ) {
        let barred = probes.external_only && kind == AdmissionKind::Request;
        match (word.phase, decide_admission(&probes, word, elapsed, kind)) {
            (Phase::Closed { slow_start, .. }, AdmissionDecision::Admit) => prop_assert!(!slow_start),
            (Phase::Closed { slow_start, .. }, AdmissionDecision::AdmitByChance) => prop_assert!(slow_start && !elapsed.timer),
            (Phase::Open, AdmissionDecision::Reject) => {
                prop_assert!(!elapsed.timer || barred || word.mode == Mode::ForcedOpen);
            }
            (Phase::HalfOpen { in_flight, .. }, AdmissionDecision::Reject) => {
                prop_assert!(barred || (in_flight > 0 || probes.trickles()) && !elapsed.timer);
            }
            (Phase::HalfOpen { admitted, .. }, AdmissionDecision::Probe(next)) if probes.trickles() => {
                let Phase::HalfOpen { in_flight, admitted: now_admitted, .. } = next.phase else { panic!("{next:?}") };
                prop_assert!(!barred && in_flight >= 1 && now_admitted >= 1 && (elapsed.timer || admitted == 0));
                prop_assert_ne!(next, word);
            }
            (Phase::Open | Phase::HalfOpen { .. }, AdmissionDecision::Probe(next)) => {
                let Phase::HalfOpen { in_flight, counted, .. } = next.phase else { panic!("{next:?}") };
                prop_assert!(!barred && in_flight >= 1 && in_flight <= probes.max_concurrent);
                prop_assert!(u16::from(in_flight) + u16::from(counted) <= u16::from(probes.results_needed()));
                prop_assert!(next.generation == word.generation || next.generation == next_generation(word));
                prop_assert_ne!(next, word);
            }
            (Phase::Closed { .. }, AdmissionDecision::Advance(next)) => prop_assert!(elapsed.timer && next.admits_all()),
            (Phase::HalfOpen { .. }, AdmissionDecision::Advance(next)) => {
                prop_assert!(elapsed.limit && probes.limit.is_some());
                assert_turned(word, next)?;
            }
            (_, admission) => prop_assert!(false, "{:?}", admission),
        }
    }
}
