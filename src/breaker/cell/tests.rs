use proptest::prelude::*;

use super::{
    packed_word::{pack, unpack},
    probe_counts::{record_probe, unpack_probes},
    *,
};
use crate::{
    State,
    breaker::{
        generation::{GENERATION_MASK, is_later, reset_if_wrapped},
        rejection::PackedRejection,
        state::Mode,
        transition::{
            AdmissionKind, CallResult, CloseCondition, ConsecutiveThreshold, HalfOpenTimeout, Phase, ProbePolicy,
            Rules, StateWord,
        },
        window::Counts,
    },
    sync::{AtomicU64, Ordering},
};

const ONE_PROBE: ProbePolicy = ProbePolicy::new(1, CloseCondition::Successes(1));

fn fail(cell: &StateCell, rules: &Rules, open_for: u64) -> EndEffect {
    let generation = cell.load().generation;
    with_context(rules, &ONE_PROBE, 0, 0, open_for, |context| {
        cell.end_call(context, WindowUse::NoWindow, generation, CallResult::Failure, None)
    })
}

fn with_context<T>(
    rules: &Rules,
    probes: &ProbePolicy,
    now: u64,
    lease: u64,
    open_for: u64,
    with: impl FnOnce(TransitionContext<'_>) -> T,
) -> T {
    let open_for = &|_, _, _| open_for;
    with(TransitionContext {
        rules,
        probes,
        lease,
        slow_start: 0,
        cancelled_row_time: 0,
        group: None,
        times_failure_rows: false,
        requested_open_time: None,
        now: &|| now,
        open_for,
    })
}

fn admit(cell: &StateCell, probes: &ProbePolicy, now: u64, lease: u64) -> Result<u32, PackedRejection> {
    let rules = Rules::default();
    with_context(&rules, probes, now, lease, 0, |context| cell.admit(context, AdmissionKind::Request, |_| true, |_| {}))
}

fn consecutive(failures: u32) -> Rules {
    Rules { consecutive: Some(ConsecutiveThreshold { failures, lasting: 0 }), ..Rules::default() }
}

fn any_phase() -> impl Strategy<Value = Phase> {
    prop_oneof![
        (0..=StateWord::MAX_FAILURES_IN_A_ROW)
            .prop_map(|failures_in_a_row| Phase::Closed { failures_in_a_row, slow_start: failures_in_a_row % 2 == 1 }),
        Just(Phase::Open),
        any::<[u8; 3]>().prop_map(|[in_flight, counted, admitted]| Phase::HalfOpen {
            in_flight,
            counted,
            admitted: admitted % 64,
        }),
    ]
}

proptest! {
    #[test]
    fn unpacking_reverses_packing(
        generation in 0..=GENERATION_MASK,
        streak in 0..=StateWord::MAX_STREAK,
        phase in any_phase(),
        mode in proptest::sample::select(vec![
            Mode::Auto,
            Mode::ForcedOpen,
            Mode::ForcedClosed,
            Mode::MetricsOnly,
            Mode::Disabled,
        ]),
    ) {
        let answered = streak % 2 == 1 && matches!(phase, Phase::Closed { .. });
        let word = StateWord { generation, mode, streak, phase, answered };
        prop_assert_eq!(unpack(pack(word)), word);
    }

    #[test]
    fn probe_counts_belong_to_one_generation(generation in 1..GENERATION_MASK / 2, failed in any::<[bool; 4]>()) {
        let probes = AtomicU64::new(0);
        for failed in failed {
            let result = if failed { CallResult::Failure } else { CallResult::Success };
            record_probe(&probes, generation, result, failed);
        }
        let bad = failed.into_iter().filter(|failed| *failed).count() as u32;
        let counts = Counts { calls: 4, failures: bad, timed: 4, slow: bad, ..Counts::default() };
        let probes_now = probes.load(Ordering::Relaxed);
        prop_assert_eq!(unpack_probes(probes_now, generation), Some(counts));
        prop_assert_eq!(unpack_probes(probes_now, generation - 1), None);
        prop_assert_eq!(record_probe(&probes, generation - 1, CallResult::Success, false), None);
    }

    #[test]
    fn generations_are_ordered_across_the_wrap(
        generation in 0..=GENERATION_MASK,
        ahead in 1..=GENERATION_MASK / 2,
    ) {
        let later = generation.wrapping_add(ahead) & GENERATION_MASK;
        prop_assert!(is_later(later, generation) && !is_later(generation, later) && !is_later(generation, generation));
    }
}

#[test]
fn an_open_time_that_does_not_fit_never_ends() {
    let cell = StateCell::new();
    fail(&cell, &consecutive(1), u64::MAX);
    assert_eq!(cell.timer_ends_at(cell.load()), Some(u64::MAX));
    let packed = admit(&cell, &ONE_PROBE, 1 << 60, 0).unwrap_err();
    assert_eq!((packed.state(), packed.wait()), (State::Open, None));
}

#[test]
fn failures_in_a_row_saturate() {
    let cell = StateCell::new();
    let row = Phase::Closed { failures_in_a_row: StateWord::MAX_FAILURES_IN_A_ROW, slow_start: false };
    cell.word.store(pack(StateWord { phase: row, ..cell.load() }), Ordering::Relaxed);
    assert_eq!(fail(&cell, &Rules::default(), 0), EndEffect::Unchanged);
    assert_eq!(cell.load().phase, row);
    assert!(matches!(fail(&cell, &consecutive(StateWord::MAX_FAILURES_IN_A_ROW), 0), EndEffect::Transitioned(..)));
}

/// A new tenant starts at the generation of the former one, and the tags of stamps repeat.
#[test]
fn a_new_tenant_ignores_times_with_the_same_tag() {
    const DAY: u64 = 24 * 3_600 * 1_000_000;
    let cell = StateCell::new();
    fail(&cell, &consecutive(1), DAY);
    while cell.load().generation < 1 << 16 {
        cell.update(StateWord::reset);
    }
    cell.start_tenant();
    fail(&cell, &consecutive(1), 10);
    assert_eq!((cell.load().generation, cell.timer_ends_at(cell.load())), ((1 << 16) + 1, Some(10)));
}

/// A thread sees that the lease is over and stores the next lease. Then its compare-exchange on the
/// state word fails, because a probe ended. The loom models found this case.
#[test]
fn an_abandoned_round_stays_over() {
    let two = ProbePolicy::new(2, CloseCondition::Successes(2));
    let (cell, rules) = (StateCell::new(), consecutive(1));
    fail(&cell, &rules, 0);
    let round = [(); 2].map(|()| admit(&cell, &two, 0, 10).unwrap())[1];
    assert!(cell.lease_until.extend(cell.lease_until.read(), round + 1, 20));
    let success = with_context(&rules, &two, 10, 10, 0, |context| {
        cell.end_call(context, WindowUse::NoWindow, round, CallResult::Success, None)
    });
    assert_eq!(success, EndEffect::Unchanged);
    // The other probe is lost.
    assert_eq!(admit(&cell, &two, 10, 10), Ok(round + 1));
}

/// The half-open timeout may be over between `advance_by_time` and `peek`.
#[test]
fn peek_returns_the_state_after_the_half_open_limit() {
    for (undecided, admits) in [(HalfOpenTimeout::Open, false), (HalfOpenTimeout::Close, true)] {
        let probes = ProbePolicy { limit: Some((20, undecided)), ..ONE_PROBE };
        let cell = StateCell::new();
        fail(&cell, &consecutive(1), 10);
        assert_eq!(admit(&cell, &probes, 10, 100), Ok(2));
        let in_time = cell.peek(&probes, || 29).unwrap_err();
        let moves_on_at = if admits { 30 } else { 110 };
        assert_eq!((in_time.state(), in_time.wait()), (State::HalfOpen, Some(moves_on_at - 29)));
        let too_late = cell.peek(&probes, || 30).map_err(|packed| (packed.state(), packed.wait()));
        assert_eq!(too_late, if admits { Ok(()) } else { Err((State::Open, None)) });
    }
}

/// Open since time 0 in generation 1, with an open time of 0.
fn open() -> StateCell {
    let cell = StateCell::new();
    fail(&cell, &consecutive(1), 0);
    cell
}

#[test]
fn the_lease_is_that_of_the_newest_probe_in_every_round() {
    let (cell, two) = (open(), ProbePolicy::new(2, CloseCondition::Successes(2)));
    for (round, now) in [(2, 0), (3, 100), (4, 200)] {
        assert_eq!(admit(&cell, &two, now, 5), Ok(round));
        assert_eq!(cell.timer_ends_at(cell.load()), Some(now + 5));
        assert_eq!(admit(&cell, &two, now + 3, 5), Ok(round));
        assert_eq!(admit(&cell, &two, now + 7, 5).unwrap_err().wait(), Some(1));
    }
}

#[test]
fn a_new_limit_does_not_start_in_the_present_round() {
    let (cell, two) = (open(), ProbePolicy::new(2, CloseCondition::Successes(2)));
    let limited = ProbePolicy { limit: Some((20, HalfOpenTimeout::Open)), ..two };
    assert_eq!(admit(&cell, &two, 0, 5), Ok(2));
    assert_eq!(admit(&cell, &limited, 1, 5), Ok(2));
    assert_eq!(with_context(&consecutive(1), &limited, 100, 5, 0, |context| cell.advance_by_time(context)), None);
}

#[test]
fn a_forced_open_circuit_returns_no_old_time() {
    let cell = StateCell::new();
    fail(&cell, &consecutive(1), 1_000);
    // After this, the tags of stamps repeat: the next generation has the tag of generation 1.
    while cell.load().generation < 1 << 16 {
        cell.update(StateWord::reset);
    }
    cell.update(|word| word.in_mode(Mode::ForcedOpen));
    assert_eq!(cell.timer_ends_at(cell.load()), Some(1_000));
    assert_eq!(admit(&cell, &ONE_PROBE, 10, 0).unwrap_err().wait(), None);
}

#[test]
fn chance_is_not_called_after_the_slow_start() {
    let (cell, rules) = (open(), Rules::default());
    let admit_at = |now: u64| {
        let (share_seen, clock) = (std::cell::Cell::new(None), || now);
        let chance = |share| {
            share_seen.set(Some(share));
            true
        };
        let context = TransitionContext {
            rules: &rules,
            probes: &ONE_PROBE,
            lease: 5,
            slow_start: 20,
            cancelled_row_time: 0,
            group: None,
            now: &clock,
            times_failure_rows: false,
            requested_open_time: None,
            open_for: &|_, _, _| 0,
        };
        let generation = cell.admit(context, AdmissionKind::Request, chance, |_| {}).unwrap();
        cell.end_call(context, WindowUse::NoWindow, generation, CallResult::Success, None);
        share_seen.get()
    };
    assert_eq!([0, 0, 5, 19, 20, 5].map(admit_at), [None, Some(0.0), Some(0.25), Some(0.95), None, None]);
}

#[test]
fn a_word_that_appears_later_is_reset() {
    let of_five = (5 << 33) | 7;
    let word = AtomicU64::new(of_five);
    for today in [5, 6, (1 << 30) + 2] {
        assert!(!reset_if_wrapped(&word, today), "{today}");
        assert_eq!(word.load(Ordering::Relaxed), of_five);
    }
    let today = (1 << 30) + 10;
    assert!(reset_if_wrapped(&word, today));
    assert_eq!(word.load(Ordering::Relaxed), u64::from(today) << 33);
}
