//! Measures in many short rounds. Every contender has a turn in each round, so a disturbance
//! affects all of them.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    allocations::{self, Allocations},
    contender::{Calls, Case, Contender},
    pair::Pair,
    spread::Spread,
};

#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    /// The length of a contender's turn.
    pub turn: Duration,
    /// The longest time for a case, if its contenders are slow or other programs keep the cores
    /// busy.
    pub at_most: Duration,
}

/// The result of a contender. Times are nanoseconds per call.
#[derive(Debug, Clone)]
pub struct Figure {
    pub case: &'static str,
    pub name: &'static str,
    pub total: Spread,
    /// Minus the bare service in the same round; `fastest` is the difference of the fastest rounds.
    pub over_bare: Spread,
    pub allocations: f64,
    pub bytes: f64,
    pub future: Option<usize>,
}

pub fn case(case: Case, effort: Effort) -> Vec<Figure> {
    let (name, threads, step) = (case.name, case.threads, case.step);
    let mut contenders = case.contenders();
    let allocated: Vec<_> = contenders.iter_mut().map(|contender| allocated(contender, step)).collect();
    let times = if threads == 1 {
        rounds(contenders.len(), step, effort, |which, calls| (time(&mut contenders[which], calls), true))
    } else {
        let (mut own, others) = halves(&mut contenders);
        Pair::with(others, |pair| {
            rounds(own.len(), step, effort, |which, calls| pair.time(which, &mut own[which], calls))
        })
    };
    let bare = times[0].clone();
    let bare_at_best = bare.iter().flatten().copied().fold(f64::NAN, f64::min);
    let figures = contenders.iter().zip(allocated).zip(times).map(|((contender, (allocations, bytes)), times)| {
        let over_bare = times.iter().zip(&bare).filter_map(|(time, bare)| Some((*time)? - (*bare)?)).collect();
        let total = Spread::of(times.into_iter().flatten().collect());
        let over_bare = Spread { fastest: total.fastest - bare_at_best, ..Spread::of(over_bare) };
        Figure { case: name, name: contender.name, total, over_bare, allocations, bytes, future: contender.future }
    });
    figures.collect()
}

/// Returns each contender's time per round, or `None` for a round that doesn't count. `time`
/// returns whether a turn counts: two threads don't always run at the same time.
fn rounds(
    contenders: usize,
    step: u64,
    effort: Effort,
    mut time: impl FnMut(usize, u64) -> (f64, bool),
) -> Vec<Vec<Option<f64>>> {
    let turn = effort.turn.as_nanos() as f64;
    let mut calls = vec![step; contenders];
    let mut times = vec![vec![None; effort.rounds]; contenders];
    // The warm-up determines the number of calls per turn.
    let warm_up = 10 + effort.rounds / 10;
    let since = Instant::now();
    for round in 0..warm_up + effort.rounds {
        if since.elapsed() > effort.at_most {
            break;
        }
        for turn_of in 0..contenders {
            let which = (round + turn_of) % contenders;
            let (taken, counts) = time(which, calls[which]);
            if let (Some(round), true) = (round.checked_sub(warm_up), counts) {
                times[which][round] = Some(taken);
            }
            // At most doubles, so that one unusually fast turn doesn't cause a long one.
            let fitting = (turn / taken.max(0.1)).min(2.0 * calls[which] as f64);
            calls[which] = (fitting as u64).div_ceil(step).max(1) * step;
        }
    }
    times
}

fn time(contender: &mut Contender, count: u64) -> f64 {
    let mut taken = Duration::ZERO;
    (contender.around)(&mut || {
        let start = Instant::now();
        contender.calls[0](count);
        taken = start.elapsed();
    });
    taken.as_nanos() as f64 / count as f64
}

/// Splits each contender's calls into those of this thread and those of the other one.
fn halves(contenders: &mut [Contender]) -> (Vec<Calls>, Vec<Calls>) {
    let halves = contenders.iter_mut().map(|contender| {
        let other = contender.calls.pop().expect("two threads");
        let own = contender.calls.pop().expect("two threads");
        (own, other)
    });
    halves.unzip()
}

/// Allocations per call, and their bytes.
fn allocated(contender: &mut Contender, step: u64) -> (f64, f64) {
    let calls = &mut contender.calls[0];
    let count = 2 * step.max(50);
    // Fills the windows, and makes the allocations that happen once per thread.
    calls(3 * count);
    let mut allocations = Allocations::default();
    (contender.around)(&mut || allocations = allocations::of(|| calls(count)));
    (allocations.count as f64 / count as f64, allocations.bytes as f64 / count as f64)
}
