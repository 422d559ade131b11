//! The fast path counts a success without evaluating the rules while too few calls have failed for
//! a rule to trip. With a custom rule, the number of failures that trips it isn't known, so there
//! is no fast path. The property test compares a circuit that uses the fast path (`short`) with one
//! that can't (`long`).

use std::time::Duration;

use proptest::{prelude::*, sample::Index};
use tokio::{runtime::Builder, time::advance};
use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State,
    breaker::{CircuitStats, Mode, OpenDuration, Permit, TripRule, Window, WindowStats},
};

use crate::fixed_numbers::FixedNumbers as _;

const SLICE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy)]
enum Over {
    Slices(u8),
    Calls(u16),
}

#[derive(Debug, Clone)]
enum Step {
    /// This many calls that begin and end at once, with success or failure.
    Calls(u8, bool),
    /// A call begins.
    Begin,
    /// A call that began earlier ends.
    End(Index, bool),
    /// Milliseconds pass.
    Wait(u16),
    Mode(Mode),
    Reset,
    Exchange(Over, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let mode = prop_oneof![
        4 => Just(Mode::Auto),
        1 => Just(Mode::Disabled),
        1 => Just(Mode::MetricsOnly),
        1 => Just(Mode::ForcedClosed),
        1 => Just(Mode::ForcedOpen),
    ];
    prop_oneof![
        // Mostly successes; otherwise the fast path is rarely taken.
        8 => (1u8..8, prop::bool::weighted(0.8)).prop_map(|(calls, good)| Step::Calls(calls, good)),
        2 => Just(Step::Begin),
        2 => (any::<Index>(), prop::bool::weighted(0.8)).prop_map(|(which, good)| Step::End(which, good)),
        8 => prop_oneof![Just(0u16), Just(1), Just(99), Just(100), 0..250u16, 0..2_500u16].prop_map(Step::Wait),
        1 => mode.prop_map(Step::Mode),
        1 => Just(Step::Reset),
        1 => (over(), any::<bool>()).prop_map(|(over, many)| Step::Exchange(over, many)),
    ]
}

fn over() -> impl Strategy<Value = Over> {
    prop_oneof![(1u8..4).prop_map(Over::Slices), prop_oneof![2u16..6, Just(40)].prop_map(Over::Calls)]
}

/// Doesn't set `count_all_calls`, because that setting disables the fast path.
fn config(over: Over, many: bool) -> (BreakerConfig, Window) {
    let window = match over {
        Over::Slices(slices) => Window::time(SLICE * slices.into()).unwrap().slices(slices.into()).unwrap(),
        Over::Calls(calls) => Window::count(calls.into()).unwrap(),
    };
    let window = window.minimum(if many && !matches!(over, Over::Calls(..10)) { 10 } else { 2 }).unwrap();
    let config = BreakerConfig::default()
        .fixed()
        .without_observers()
        .open_when(TripRule::FailureRate { failing: Ratio::percent(40).unwrap(), window })
        .open_for(OpenDuration::fixed(SLICE * 2));
    (config, window)
}

fn short((config, _): (BreakerConfig, Window)) -> BreakerConfig {
    config
}

fn long((config, window): (BreakerConfig, Window)) -> BreakerConfig {
    config.or_when(TripRule::custom(window, |_: u32, _: &WindowStats| false))
}

/// A circuit and its running calls.
struct Side {
    circuit: Circuit,
    calls: Vec<Permit>,
    way: fn((BreakerConfig, Window)) -> BreakerConfig,
}

impl Side {
    fn new(way: fn((BreakerConfig, Window)) -> BreakerConfig, over: Over) -> Self {
        Self { circuit: Circuit::new(way(config(over, false))), calls: Vec::new(), way }
    }

    fn call(&self, good: bool) {
        if let Ok(permit) = self.circuit.try_acquire() {
            end(permit, good);
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Calls(calls, good) => (0..calls).for_each(|_| self.call(good)),
            Step::Begin => self.calls.extend(self.circuit.try_acquire()),
            Step::End(which, good) if !self.calls.is_empty() => {
                end(self.calls.swap_remove(which.index(self.calls.len())), good);
            }
            Step::End(..) | Step::Wait(_) => {}
            Step::Mode(mode) => self.circuit.set_mode(mode),
            Step::Reset => self.circuit.reset(),
            Step::Exchange(over, many) => self.circuit.reconfigure((self.way)(config(over, many))),
        }
    }

    /// The statistics without the hint of a half-open circuit, which is random.
    fn stats(&self) -> CircuitStats {
        let mut stats = self.circuit.stats();
        if stats.state == State::HalfOpen {
            stats.retry_in = stats.retry_in.map(|_| Duration::ZERO);
        }
        stats
    }
}

fn end(permit: Permit, good: bool) {
    if good { permit.success() } else { permit.failure() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_path_counts_like_the_slow_path(
        over in over(),
        steps in prop::collection::vec(step(), 1..80),
        start in 0..500u64,
    ) {
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
            // Start neither at the beginning of the clock nor at the beginning of a slice.
            advance(Duration::from_micros(start)).await;
            let mut sides = [Side::new(short, over), Side::new(long, over)];
            for step in &steps {
                if let Step::Wait(millis) = *step {
                    advance(Duration::from_millis(millis.into())).await;
                }
                sides.iter_mut().for_each(|side| side.take(step));
                prop_assert_eq!(sides[0].stats(), sides[1].stats(), "after {:?}", step);
            }
            Ok(())
        })?;
    }
}

/// A custom rule may open the circuit after a success too, so the breaker evaluates it after each
/// call.
#[tokio::test(start_paused = true)]
async fn a_custom_rule_is_evaluated_after_successes_too() {
    for over in [Over::Slices(1), Over::Calls(10)] {
        let (config, window) = config(over, false);
        let rule = TripRule::custom(window, |_: u32, seen: &WindowStats| seen.calls >= 3);
        let circuit = Circuit::new(config.or_when(rule));
        for _ in 0..3 {
            assert_eq!(circuit.state(), State::Closed);
            circuit.try_acquire().unwrap().success();
        }
        assert_eq!(circuit.state(), State::Open);
    }
}

/// Forty percent of ten are four. With four failures or more, the tenth call opens the circuit,
/// even if it succeeds.
#[tokio::test(start_paused = true)]
async fn a_success_opens_a_circuit_with_enough_failures() {
    for over in [Over::Slices(2), Over::Calls(40)] {
        for (failures, opens) in [(3, false), (4, true), (5, true), (6, true)] {
            let circuit = Circuit::new(short(config(over, true)));
            (0..failures).for_each(|_| circuit.try_acquire().unwrap().failure());
            (failures..9).for_each(|_| circuit.try_acquire().unwrap().success());
            assert_eq!(circuit.state(), State::Closed, "{over:?}, {failures}");
            circuit.try_acquire().unwrap().success();
            assert_eq!(circuit.state() == State::Open, opens, "{over:?}, {failures}");
        }
    }
}
