//! The performance goals, relative to other contenders in the same run.

use std::fmt::Write;

use crate::{
    cases::{ADD, CLOCK, COUNTED, FLOORS, breaker, fallback, retry, stacked, threads},
    contender::OURS,
    end_to_end::EndToEnd,
    measure::Figure,
    sizes::{self, Added},
    spread::Spread,
    table::{nanos, times},
};

/// Looks up the figures that a goal needs; `None` if a case wasn't measured.
struct Figures<'a> {
    all: &'a [Figure],
    of: fn(&Spread) -> f64,
}

/// The measured time and its limit, in nanoseconds over bare.
struct Reached {
    ours: f64,
    limit: f64,
}

type Goal = fn(&Figures<'_>) -> Option<Reached>;

const GOALS: [(&str, &str, Goal); 12] = [
    (
        "retry, success, no budget",
        "≤ `tower::retry` + one reference count + one clone of a zero-sized service",
        |figures| {
            let limit = figures.of(retry::NO_BUDGET, retry::TOWER)? + figures.of(FLOORS, COUNTED)?;
            figures.within(retry::NO_BUDGET, limit)
        },
    ),
    ("retry, success, default budget", "≤ 1/3 of `tower::retry` with `TpsBudget`", |figures| {
        figures.share(retry::BUDGET, retry::TOWER_BUDGET, 3.0)
    }),
    ("the same, two threads", "≤ 1/8", |figures| figures.share(threads::RETRY, retry::TOWER_BUDGET, 8.0)),
    ("breaker closed, consecutive", "≤ 1/20 of tower-resilience's", |figures| {
        figures.share(breaker::CONSECUTIVE, breaker::RESILIENCE, 20.0)
    }),
    ("breaker closed, full count window", "≤ 1/20 of tower-resilience's", |figures| {
        figures.share(breaker::COUNT, breaker::RESILIENCE, 20.0)
    }),
    ("breaker closed, full count window", "≤ 1/2 of recloser's sync call", |figures| {
        figures.share(breaker::COUNT, breaker::RECLOSER, 2.0)
    }),
    ("breaker closed, time window", "≤ one clock read + one atomic add + 5 ns", |figures| {
        let limit = figures.of(FLOORS, CLOCK)? + figures.of(FLOORS, ADD)? + 5.0;
        figures.within(breaker::TIME, limit)
    }),
    ("rejecting", "≤ 1/8 of tower-resilience's", |figures| {
        figures.share(breaker::REJECTING, breaker::RESILIENCE, 8.0)
    }),
    ("fallback, success", "≤ 1/8 of tower-resilience's", |figures| {
        figures.share(fallback::SUCCESS, breaker::RESILIENCE, 8.0)
    }),
    ("all three stacked, success", "≤ 1/10 of tower-resilience's", |figures| {
        figures.share(stacked::SUCCESS, breaker::RESILIENCE, 10.0)
    }),
    ("breaker closed, two threads, cloned per thread", "≤ 1.5 × its one-thread cost", |figures| {
        let limit = 1.5 * figures.of(breaker::CONSECUTIVE, OURS)?;
        figures.within(threads::BREAKER, limit)
    }),
    ("all three stacked, two threads", "≤ 1/10 of tower-resilience's", |figures| {
        figures.share(threads::STACK, breaker::RESILIENCE, 10.0)
    }),
];

/// Formats the goals as a Markdown table.
pub fn of(figures: &[Figure], end_to_end: Option<&EndToEnd>) -> String {
    let mut table =
        String::from("| path | goal | limit | ours | met | met by the fastest rounds |\n|---|---|---:|---:|---|---|\n");
    let medians = Figures { all: figures, of: |spread| spread.median };
    let fastest = Figures { all: figures, of: |spread| spread.fastest };
    for (path, goal, reached) in GOALS {
        let (Some(by_median), Some(by_fastest)) = (reached(&medians), reached(&fastest)) else { continue };
        let Reached { ours, limit } = by_median;
        let (shown_limit, shown_ours) = (nanos(limit), nanos(ours));
        let (met, at_best) = (by_median.verdict(), by_fastest.verdict());
        writeln!(table, "| {path} | {goal} | {shown_limit} ns | {shown_ours} ns | {met} | {at_best} |").ok();
    }
    if let Some(end_to_end) = end_to_end {
        let (throughput, is_enough) = (end_to_end.throughput.median, end_to_end.throughput.median >= 0.98);
        let (later, is_noise) = (end_to_end.later.median, end_to_end.is_noise());
        writeln!(
            table,
            "| end to end, requests per second | ≥ 0.98 of bare | 0.98 | {throughput:.3} | {} | |\n\
             | end to end, p99 | within noise | {} µs | {later:+.1} µs | {} | |",
            yes_or_no(is_enough),
            nanos(end_to_end.noise()),
            yes_or_no(is_noise)
        )
        .ok();
    }
    for Added { what, goal, bytes, limit } in sizes::all() {
        let met = yes_or_no(bytes <= limit);
        writeln!(table, "| {what} | {goal} | {limit} bytes | {bytes} bytes | {met} | |").ok();
    }
    table
}

impl Figures<'_> {
    fn find(&self, case: &str, name: &str) -> Option<&Figure> {
        self.all.iter().find(|figure| figure.case == case && figure.name == name)
    }

    fn of(&self, case: &str, name: &str) -> Option<f64> {
        self.find(case, name).map(|figure| (self.of)(&figure.over_bare)).filter(|time| !time.is_nan())
    }

    fn within(&self, case: &str, limit: f64) -> Option<Reached> {
        Some(Reached { ours: self.of(case, OURS)?, limit })
    }

    /// The limit is `1 / parts` of another contender's time.
    fn share(&self, case: &str, other: &str, parts: f64) -> Option<Reached> {
        self.within(case, self.of(case, other)? / parts)
    }
}

impl Reached {
    fn verdict(&self) -> String {
        let Self { ours, limit } = *self;
        if ours <= limit { "yes".to_owned() } else { format!("no, {} × the limit", times(ours / limit)) }
    }
}

fn yes_or_no(met: bool) -> &'static str {
    if met { "yes" } else { "no" }
}
