//! A window of time by tokio's clock counts good calls by a short cut, as long as nothing in it has failed; by a clock of one's own it doesn't.
//! Side by side, nobody can tell them apart.

use std::time::Duration;

use proptest::{prelude::*, sample::Index};
use tokio::{runtime::Builder, time::advance};
use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State,
    breaker::{Mode, OpenFor, OpenRule, Permit, Stats, Window, WindowStats},
    time::ManualClock,
};

const SLICE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone)]
enum Step {
    /// This many calls that begin, and end so at once.
    Calls(u8, bool),
    /// One that begins.
    Begin,
    /// One that began some time ago ends.
    End(Index, bool),
    /// Milliseconds.
    Wait(u16),
    Mode(Mode),
    Reset,
    /// To a window of so many slices, so long.
    Exchange(u8, bool),
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
        // Mostly good: otherwise there is nothing to cut short.
        8 => (1u8..8, prop::bool::weighted(0.8)).prop_map(|(calls, good)| Step::Calls(calls, good)),
        2 => Just(Step::Begin),
        2 => (any::<Index>(), prop::bool::weighted(0.8)).prop_map(|(which, good)| Step::End(which, good)),
        8 => prop_oneof![Just(0u16), Just(1), Just(99), Just(100), 0..250u16, 0..2_500u16].prop_map(Step::Wait),
        1 => mode.prop_map(Step::Mode),
        1 => Just(Step::Reset),
        1 => (1u8..4, any::<bool>()).prop_map(|(slices, minimum)| Step::Exchange(slices, minimum)),
    ]
}

/// Uncounted, as a call that is counted has more to write.
fn config(slices: u8, large: bool) -> BreakerConfig {
    let window = Window::time(SLICE * slices.into()).unwrap().slices(slices.into()).unwrap();
    let window = window.minimum(if large { 10 } else { 2 }).unwrap();
    BreakerConfig::default()
        .unobserved()
        .open_when(OpenRule::Ratio { failing: Ratio::HALF, window })
        .open_for(OpenFor::fixed(SLICE * 2))
}

/// A circuit, and its calls on their way.
struct Side {
    circuit: Circuit,
    calls: Vec<Permit>,
}

impl Side {
    fn new(config: BreakerConfig) -> Self {
        Self { circuit: Circuit::new(config), calls: Vec::new() }
    }

    fn call(&self, good: bool) {
        if let Ok(permit) = self.circuit.admit() {
            end(permit, good);
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Calls(calls, good) => (0..calls).for_each(|_| self.call(good)),
            Step::Begin => self.calls.extend(self.circuit.admit()),
            Step::End(which, good) if !self.calls.is_empty() => {
                end(self.calls.swap_remove(which.index(self.calls.len())), good);
            }
            Step::End(..) | Step::Wait(_) => {}
            Step::Mode(mode) => self.circuit.set_mode(mode),
            Step::Reset => self.circuit.reset(),
            Step::Exchange(slices, large) => self.circuit.reconfigure(config(slices, large)),
        }
    }

    fn stats(&self) -> Stats {
        self.circuit.stats()
    }
}

fn end(permit: Permit, good: bool) {
    if good { permit.success() } else { permit.failure() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_short_cut_counts_what_the_long_way_counts(steps in prop::collection::vec(step(), 1..80), start in 0..500u64) {
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
            // Not at the start of the clock, nor of one of its slices.
            advance(Duration::from_micros(start)).await;
            let clock = ManualClock::new();
            let mut sides = [Side::new(config(3, false)), Side::new(config(3, false).clock(clock.clone()))];
            for step in &steps {
                if let Step::Wait(millis) = *step {
                    let wait = Duration::from_millis(millis.into());
                    advance(wait).await;
                    clock.advance(wait);
                }
                sides.iter_mut().for_each(|side| side.take(step));
                prop_assert_eq!(sides[0].stats(), sides[1].stats(), "after {:?}", step);
            }
            Ok(())
        })?;
    }
}

/// It may open for whatever it likes, so the window can't know that a good call changes nothing.
#[tokio::test(start_paused = true)]
async fn a_rule_of_ones_own_is_asked_after_good_calls_too() {
    let rule = OpenRule::custom(Window::time(SLICE).unwrap().minimum(1).unwrap(), |_: u32, seen: &WindowStats| {
        seen.calls >= 3
    });
    let circuit = Circuit::new(BreakerConfig::default().open_when(rule));
    for _ in 0..3 {
        assert_eq!(circuit.state(), State::Closed);
        circuit.admit().unwrap().success();
    }
    assert_eq!(circuit.state(), State::Open);
}
