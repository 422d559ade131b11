//! Models of what threads can do to one circuit: loom tries the orders of their loads and stores.
//!
//! ```text
//! RUSTFLAGS="--cfg recourse_loom" cargo test --lib --release loom
//! ```
//!
//! These are the real [`Cell`] and [`Window`] on loom's atomics; only the clock is made up: every call says what time it
//! is. Models are tried in every order, except where that takes more than a few seconds, up to hours: those are
//! [`bounded`].

mod closed;
mod half_open;
mod marks;
mod probes;

use ::loom::{model::Builder, thread};
use std::sync::Arc;

use super::{
    cell::{Admitted, Cell, Ended, Refused},
    rule::{Ending, Phase, ProbeVerdict, Probing, Rules, Share},
    window::{Counts, Shape, Window},
};
use crate::Ratio;

const OPEN_FOR: u64 = 10;
const LEASE: u64 = 5;

/// When everything that ends by itself has ended.
const FAR: u64 = 1_000;

const ONE_PROBE: Probing = Probing { at_a_time: 1, verdict: ProbeVerdict::Successes(1) };

/// A cell with what it goes by.
struct Bench {
    cell: Cell,
    window: Window,
    rules: Rules,
    probing: Probing,
}

impl Bench {
    /// Closed, in generation 0. A window holds just the calls that a rule needs.
    fn closed(rules: Rules) -> Self {
        let calls = |share: Option<Share>| share.map_or(0, |share| share.minimum as u16);
        let shape = Shape { failures: calls(rules.failing), slow: calls(rules.slow) };
        Self { cell: Cell::new(), window: Window::new(shape), rules, probing: ONE_PROBE }
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
        self.cell.admit(&self.probing, LEASE, || now)
    }

    fn end(&self, generation: u32, ending: Ending, now: u64) -> Ended {
        self.end_timed(generation, ending, false, now)
    }

    fn end_timed(&self, generation: u32, ending: Ending, slow: bool, now: u64) -> Ended {
        let on = (&self.rules, &self.probing, &self.window);
        self.cell.end(on, generation, (ending, slow), || now, |_streak| OPEN_FOR)
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

/// Tries the orders in which threads are stopped three times at the most while they could have gone on. Two are enough for
/// nearly every fault that was ever found like this (Musuvathi and Qadeer, "Iterative Context Bounding", 2007). To look
/// further, `LOOM_MAX_PREEMPTIONS=5` takes minutes.
fn bounded(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(model);
}

fn consecutive(failures: u32) -> Rules {
    Rules { consecutive: Some(failures), ..Rules::default() }
}

/// Opens when half of the last `calls` have failed.
fn half_of(calls: u32) -> Rules {
    Rules { failing: Some(Share { at_least: Ratio::HALF, minimum: calls }), ..Rules::default() }
}

fn successes(needed: u8, at_a_time: u8) -> Probing {
    Probing { at_a_time, verdict: ProbeVerdict::Successes(needed) }
}

/// Half of so many probes reopen it; all on their way at a time.
fn half_of_probes(of: u8) -> Probing {
    Probing { at_a_time: of, verdict: ProbeVerdict::Share { of, failing: Ratio::HALF } }
}

fn is_transition(ended: &Ended) -> bool {
    matches!(ended, Ended::Became(..))
}
