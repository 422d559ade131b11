//! Models of what threads can do to one circuit: loom tries the orders of their loads and stores.
//!
//! ```text
//! RUSTFLAGS="--cfg recourse_loom" cargo test --lib --release loom
//! ```
//!
//! These are the real [`Cell`] and [`Window`] on loom's atomics; only the clock is made up: every call says what time it
//! is. Models are tried in every order, except where that takes seconds, or hours: those are [`bounded`], of two threads by
//! four or five stops, and of three by three.

mod closed;
mod drops;
mod exchanged;
mod failing;
mod half_open;
mod limit;
mod marks;
mod modes;
mod probes;
mod ramps;
mod short_cut;
mod slices;
mod steered;
mod trickle;

use ::loom::thread;
use std::sync::Arc;

use super::{
    State,
    cell::{Cell, Counting, Ended, Going, Transition},
    rejection::Refused,
    transition::{Asking, Consecutive, Ending, Phase, ProbeVerdict, Probing, Rules, Share, Word},
    window::{Alone, Counts, Shape, Slices, Span, Window},
};
use crate::{Ratio, sync::check};

const OPEN_FOR: u64 = 10;
const LEASE: u64 = 5;
const SILENCE: u64 = 30;

/// When everything that ends by itself has ended.
const FAR: u64 = 1_000;

const ONE_PROBE: Probing = Probing::new(1, ProbeVerdict::Successes(1));

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Admitted {
    generation: u32,
    half_opened: bool,
}

/// A cell with what it goes by.
struct Bench {
    cell: Cell,
    window: Window,
    rules: Rules,
    probing: Probing,
    ramp: u64,
    /// The open time is longer by the failing time, then.
    times_rows: bool,
}

impl Bench {
    /// Closed, in generation 0. A window holds just the calls that a rule needs.
    fn closed(rules: Rules) -> Self {
        let calls = |share: Option<Share>| share.map_or(Span::None, |share| Span::Calls(share.minimum as u16));
        let shape = Shape { failures: calls(rules.failing), slow: calls(rules.slow), requests: Span::None };
        Self { cell: Cell::new(), window: Window::new(shape), rules, probing: ONE_PROBE, ramp: 0, times_rows: false }
    }

    /// Open since time 0 and until [`OPEN_FOR`], in generation 1.
    fn open(probing: Probing) -> Self {
        let bench = Self { probing, ..Self::closed(consecutive(1)) };
        assert!(matches!(bench.end(0, Ending::Failure, 0), Ended::Became(..)));
        bench
    }

    /// Half-open since [`OPEN_FOR`] with so many probes on their way, in generation 2.
    fn half_open(probing: Probing, probes: u8) -> Self {
        let bench = Self::open(probing);
        for _ in 0..probes {
            assert_eq!(bench.admit(OPEN_FOR).unwrap().generation, 2);
        }
        bench
    }

    fn admit(&self, now: u64) -> Result<Admitted, Refused> {
        let mut half_opened = false;
        let told = |told: Transition| half_opened = matches!(told.word.phase, Phase::HalfOpen { .. });
        let admitted = self.going(now, |going| self.cell.admit(going, Asking::Request, |_| true, told));
        admitted.map(|generation| Admitted { generation, half_opened })
    }

    fn tick(&self, now: u64) -> bool {
        self.going(now, |going| self.cell.look(going)).is_some()
    }

    fn going<T>(&self, now: u64, with: impl FnOnce(Going<'_>) -> T) -> T {
        let (rules, probing) = (&self.rules, &self.probing);
        with(Going {
            rules,
            probing,
            lease: LEASE,
            ramp: self.ramp,
            silence: SILENCE,
            now: &|| now,
            times_rows: self.times_rows,
            asked_for: None,
            open_for: &|_, _, failing_for| OPEN_FOR + if self.times_rows { failing_for } else { 0 },
        })
    }

    fn end(&self, generation: u32, ending: Ending, now: u64) -> Ended {
        self.end_timed(generation, ending, false, now)
    }

    fn end_timed(&self, generation: u32, ending: Ending, slow: bool, now: u64) -> Ended {
        let slow = self.rules.slow.is_some().then_some(slow);
        self.going(now, |going| self.cell.end(going, Counting::In(&self.window), generation, (ending, slow)))
    }

    /// The share of calls that is admitted at this time, if it ramps up.
    fn share(&self, now: u64) -> Option<f64> {
        let asked = std::cell::Cell::new(None);
        let chance = |share| {
            asked.set(Some(share));
            true
        };
        let _ = self.going(now, |going| self.cell.admit(going, Asking::Request, chance, |_| {}));
        asked.get()
    }

    fn phase(&self) -> Phase {
        self.cell.load().phase
    }

    fn generation(&self) -> u32 {
        self.cell.load().generation
    }

    /// Whatever happened before: when every timer is over, a call gets in.
    fn assert_not_wedged(&self) {
        assert!(self.admit(FAR).is_ok(), "nobody gets in any more: {:?}", self.cell.load());
    }
}

/// Does both on one circuit at the same time.
fn both<A, B>(bench: Bench, one: fn(&Bench) -> A, other: fn(&Bench) -> B) -> (Arc<Bench>, A, B)
where
    A: 'static,
{
    let bench = Arc::new(bench);
    let there = Arc::clone(&bench);
    let one = thread::spawn(move || one(&there));
    let other = other(&bench);
    let one = one.join().unwrap();
    (bench, one, other)
}

/// Does all three on one circuit at the same time.
fn all<A, B, C>(
    bench: Bench,
    one: fn(&Bench) -> A,
    another: fn(&Bench) -> B,
    third: fn(&Bench) -> C,
) -> (Arc<Bench>, A, B, C)
where
    A: 'static,
    B: 'static,
{
    let bench = Arc::new(bench);
    let there = Arc::clone(&bench);
    let one = thread::spawn(move || one(&there));
    let there = Arc::clone(&bench);
    let another = thread::spawn(move || another(&there));
    let third = third(&bench);
    let (one, another) = (one.join().unwrap(), another.join().unwrap());
    (bench, one, another, third)
}

/// Tries every order.
fn model(model: impl Fn() + Sync + Send + Copy + 'static) {
    check(None, model);
}

/// Tries the orders with at most so many stops.
fn bounded(stops: usize, model: impl Fn() + Sync + Send + Copy + 'static) {
    check(Some(stops), model);
}

fn consecutive(failures: u32) -> Rules {
    Rules { consecutive: Some(Consecutive { failures, lasting: 0 }), ..Rules::default() }
}

/// Opens when half of the last `calls` have failed.
fn half_of(calls: u32) -> Rules {
    Rules { failing: Some(Share { at_least: Ratio::HALF, minimum: calls }), ..Rules::default() }
}

/// Failures in the last two slices of time, each one long.
fn two_slices() -> Window {
    Window::new(Shape { failures: Span::Time { slice: 1, slices: 2 }, ..Shape::default() })
}

fn successes(needed: u8, at_a_time: u8) -> Probing {
    Probing::new(at_a_time, ProbeVerdict::Successes(needed))
}

/// Half of so many probes reopen it; all on their way at a time.
fn half_of_probes(of: u8) -> Probing {
    Probing::new(of, ProbeVerdict::Share { of, failing: Ratio::HALF })
}

fn is_transition(ended: &Ended) -> bool {
    matches!(ended, Ended::Became(..))
}
