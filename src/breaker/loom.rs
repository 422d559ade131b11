//! Models of threads that use one circuit concurrently. Loom tries the orders of their loads and
//! stores.
//!
//! ```text
//! RUSTFLAGS="--cfg recourse_loom" cargo test --lib --release loom
//! ```
//!
//! The models use the real [`StateCell`] and [`WindowState`] on loom's atomics. Only the clock is
//! replaced: every call states the time. A model tries every order, unless that takes seconds or
//! hours. Such a model is [`bounded`]: to four or five preemptions with two threads, to three with
//! three threads.

mod cancelled_calls;
mod closed;
mod count_window;
mod failing_time;
mod fast_path;
mod group;
mod half_open;
mod half_open_limit;
mod manual_control;
mod modes;
mod probes;
mod reconfiguration;
mod slow_start;
mod time_window;
mod trickle;

use ::loom::thread;
use std::sync::Arc;

use super::{
    CircuitGroup, State,
    cell::{EndEffect, StateCell, Transition, TransitionContext, WindowUse},
    rejection::PackedRejection,
    transition::{
        AdmissionKind, CallResult, CloseCondition, ConsecutiveThreshold, Phase, ProbePolicy, RateThreshold, Rules,
        StateWord,
    },
    window::{Counts, FastRecord, TimeRing, WindowKind, WindowLayout, WindowState},
};
use crate::{Ratio, sync::check};

const OPEN_FOR: u64 = 10;
const LEASE: u64 = 5;
const CANCELLED_ROW_TIME: u64 = 30;

/// A time after the end of every timer.
const FAR: u64 = 1_000;

const ONE_PROBE: ProbePolicy = ProbePolicy::new(1, CloseCondition::Successes(1));

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Admitted {
    generation: u32,
    half_opened: bool,
}

/// A cell with its settings.
struct Bench {
    cell: StateCell,
    window: WindowState,
    rules: Rules,
    probes: ProbePolicy,
    slow_start: u64,
    /// Whether the failing time is measured. The open time then includes the failing time, so that
    /// models can check it.
    times_failure_rows: bool,
    group: Option<CircuitGroup>,
}

impl Bench {
    /// Closed, in generation 0. A window has room for exactly the minimum of calls that its rule
    /// needs.
    fn closed(rules: Rules) -> Self {
        let calls = |share: Option<RateThreshold>| {
            share.map_or(WindowKind::None, |share| WindowKind::Calls(share.minimum as u16))
        };
        let layout =
            WindowLayout { failures: calls(rules.failing), slow: calls(rules.slow), requests: WindowKind::None };
        Self {
            cell: StateCell::new(),
            window: WindowState::new(layout),
            rules,
            probes: ONE_PROBE,
            slow_start: 0,
            times_failure_rows: false,
            group: None,
        }
    }

    /// Open since time 0 and until [`OPEN_FOR`], in generation 1.
    fn open(probes: ProbePolicy) -> Self {
        let bench = Self { probes, ..Self::closed(consecutive(1)) };
        assert!(matches!(bench.end(0, CallResult::Failure, 0), EndEffect::Transitioned(..)));
        bench
    }

    /// Half-open since [`OPEN_FOR`], with `in_flight` probes, in generation 2.
    fn half_open(probes: ProbePolicy, in_flight: u8) -> Self {
        let bench = Self::open(probes);
        for _ in 0..in_flight {
            assert_eq!(bench.admit(OPEN_FOR).unwrap().generation, 2);
        }
        bench
    }

    fn admit(&self, now: u64) -> Result<Admitted, PackedRejection> {
        let mut half_opened = false;
        let change = |change: Transition| half_opened = matches!(change.word.phase, Phase::HalfOpen { .. });
        let admitted =
            self.with_context(now, |context| self.cell.admit(context, AdmissionKind::Request, |_| true, change));
        admitted.map(|generation| Admitted { generation, half_opened })
    }

    fn tick(&self, now: u64) -> bool {
        self.with_context(now, |context| self.cell.advance_by_time(context)).is_some()
    }

    fn with_context<T>(&self, now: u64, with: impl FnOnce(TransitionContext<'_>) -> T) -> T {
        let (rules, probes) = (&self.rules, &self.probes);
        with(TransitionContext {
            rules,
            probes,
            lease: LEASE,
            slow_start: self.slow_start,
            cancelled_row_time: CANCELLED_ROW_TIME,
            now: &|| now,
            group: self.group.as_ref(),
            times_failure_rows: self.times_failure_rows,
            requested_open_time: None,
            open_for: &|_, _, failing_for| OPEN_FOR + if self.times_failure_rows { failing_for } else { 0 },
        })
    }

    fn end(&self, generation: u32, result: CallResult, now: u64) -> EndEffect {
        self.end_timed(generation, result, false, now)
    }

    fn end_timed(&self, generation: u32, result: CallResult, slow: bool, now: u64) -> EndEffect {
        let slow = self.rules.slow.is_some().then_some(slow);
        self.with_context(now, |context| {
            self.cell.end_call(context, WindowUse::Record(&self.window), generation, result, slow)
        })
    }

    /// Returns the share of calls that is admitted at `now`, if the circuit is in slow start.
    fn share(&self, now: u64) -> Option<f64> {
        let admitted = std::cell::Cell::new(None);
        let chance = |share| {
            admitted.set(Some(share));
            true
        };
        let _ = self.with_context(now, |context| self.cell.admit(context, AdmissionKind::Request, chance, |_| {}));
        admitted.get()
    }

    fn phase(&self) -> Phase {
        self.cell.load().phase
    }

    fn generation(&self) -> u32 {
        self.cell.load().generation
    }

    /// Asserts that a call is admitted once every timer is over, whatever happened before.
    fn assert_not_wedged(&self) {
        assert!(self.admit(FAR).is_ok(), "no call is admitted: {:?}", self.cell.load());
    }
}

/// Runs both functions on one circuit at the same time.
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

/// Runs all three functions on one circuit at the same time.
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

/// Tries the orders with at most this many preemptions.
fn bounded(stops: usize, model: impl Fn() + Sync + Send + Copy + 'static) {
    check(Some(stops), model);
}

fn consecutive(failures: u32) -> Rules {
    Rules { consecutive: Some(ConsecutiveThreshold { failures, lasting: 0 }), ..Rules::default() }
}

/// Opens when half of the last `calls` have failed.
fn half_of(calls: u32) -> Rules {
    Rules { failing: Some(RateThreshold { at_least: Ratio::HALF, minimum: calls }), ..Rules::default() }
}

/// Failures in the last two slots, each of length 1.
fn two_slices() -> WindowState {
    WindowState::new(WindowLayout { failures: WindowKind::Time { slot: 1, slots: 2 }, ..WindowLayout::default() })
}

fn successes(needed: u8, max_concurrent: u8) -> ProbePolicy {
    ProbePolicy::new(max_concurrent, CloseCondition::Successes(needed))
}

/// After `of` results, the circuit reopens if at least half of the probes failed. All probes may be
/// in flight at a time.
fn half_of_probes(of: u8) -> ProbePolicy {
    ProbePolicy::new(of, CloseCondition::FailureRate { of, failing: Ratio::HALF })
}

fn is_transition(ended: &EndEffect) -> bool {
    matches!(ended, EndEffect::Transitioned(..))
}
