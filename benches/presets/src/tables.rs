//! Formats the results as Markdown tables.

use std::{fmt::Write, time::Duration};

use crate::{
    candidates::{B, BARE},
    results::{Cell, Results},
    rule::{CLAUSES, Clause, Finding, is_partial, is_protected},
    scenario::{Calls, Fault, Scenario},
    scenarios::is_for_all,
};

/// All tables.
pub fn all(results: &Results<'_>) -> String {
    [
        summary(results),
        nearest(results),
        by_duration(results),
        retried(results),
        by_share(results),
        overload(results),
        cold(results),
        long(results),
    ]
    .join("\n")
}

/// The candidates that the detailed tables show.
fn shown<'a>(results: &Results<'a>) -> impl Iterator<Item = &'a str> {
    results.candidates.iter().filter(|candidate| candidate.is_detailed).map(|candidate| candidate.name)
}

fn is_usual(scenario: &Scenario) -> bool {
    scenario.calls == Calls::Short && !scenario.is_cold
}

fn is_short_cut(scenario: &Scenario) -> bool {
    is_usual(scenario) && scenario.is_dead() && scenario.lasts <= Duration::from_secs(1)
}

fn is_long_cut(scenario: &Scenario) -> bool {
    is_usual(scenario) && scenario.is_dead() && scenario.lasts > Duration::from_secs(1)
}

fn is_limit(scenario: &Scenario) -> bool {
    matches!(scenario.fault, Fault::LimitsRate(_))
}

fn is_overload(scenario: &Scenario) -> bool {
    is_usual(scenario) && scenario.is_overload()
}

/// Calls per second of each client.
fn per_client(scenario: &Scenario) -> f64 {
    scenario.rate / scenario.clients as f64
}

fn worst_of<'a>(cells: &[Cell<'a>], value: impl Fn(&Cell<'a>) -> f64) -> Option<f64> {
    cells.iter().map(value).reduce(f64::max)
}

/// The worst cells of a candidate in the scenarios that all candidates run; `None` if no scenario
/// is of that kind.
#[derive(Debug, Default)]
pub struct Summary {
    /// Seconds of traffic lost beyond the bare client's loss, in cuts of up to 1 s.
    excess: Option<f64>,
    /// Lost ÷ bare, by kind of fault.
    short: Option<f64>,
    long: Option<f64>,
    partial: Option<f64>,
    limit: Option<f64>,
    overload: Option<f64>,
    /// The latest recovery, in seconds.
    recovery: Option<f64>,
    /// Attempts in percent of the demand, from clients with at least 100 calls per second.
    pub reach: Option<f64>,
    /// The same share, from clients with 12 to 50 calls per second.
    reach_of_slow: Option<f64>,
    /// The number of cells that break each clause of the rule.
    outside: [usize; 4],
}

impl Summary {
    pub fn of(results: &Results<'_>, name: &str) -> Self {
        let cells = |is_of_kind: &dyn Fn(&Scenario) -> bool| {
            results.cells(name, |scenario| is_for_all(scenario) && is_of_kind(scenario))
        };
        let loss = |is_of_kind: fn(&Scenario) -> bool| worst_of(&cells(&is_of_kind), Cell::loss);
        let excess = |cell: &Cell<'_>| cell.ours.excess(&cell.bare, cell.scenario.rate);
        let recovering = cells(&|scenario| is_usual(scenario) && !scenario.is_overload());
        let reach = |from: f64, to: f64| {
            let is_of_kind = |scenario: &Scenario| {
                is_usual(scenario) && is_protected(scenario) && (from..to).contains(&per_client(scenario))
            };
            worst_of(&cells(&is_of_kind), |cell| 100.0 * cell.ours.reach())
        };
        Self {
            excess: worst_of(&cells(&is_short_cut), excess),
            short: loss(is_short_cut),
            long: loss(is_long_cut),
            partial: loss(is_partial),
            limit: loss(is_limit),
            overload: loss(is_overload),
            recovery: worst_of(&recovering, |cell| cell.ours.recovery.as_secs_f64()),
            reach: reach(100.0, f64::INFINITY),
            reach_of_slow: reach(12.0, 51.0),
            outside: CLAUSES.map(|clause| count_outside(results, name, clause)),
        }
    }

    /// The worst loss, relative to the bare client's.
    pub fn harm(&self) -> Option<f64> {
        [self.short, self.long, self.partial, self.limit, self.overload].into_iter().flatten().reduce(f64::max)
    }
}

fn summary(results: &Results<'_>) -> String {
    let mut table = String::from(
        "### All candidates, in the scenarios that all of them run\n\n\
         | candidate | seconds lost beyond bare, cuts ≤ 1 s | lost ÷ bare, cuts > 1 s | 10–95 % failing | rate limit | \
         overload | latest recovery | attempts ÷ demand, ≥ 100/s per client | 12–50/s | \
         cells outside the rule (loss, recovery, protection, storm) |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n",
    );
    for candidate in results.candidates {
        let name = candidate.name;
        let Summary { excess, long, partial, limit, overload, recovery, reach, reach_of_slow, outside, .. } =
            Summary::of(results, name);
        let [excess, long, partial, limit, overload, recovery, reach, reach_of_slow] =
            [excess, long, partial, limit, overload, recovery, reach, reach_of_slow].map(number);
        let outside = outside.map(|count| count.to_string()).join(", ");
        writeln!(
            table,
            "| {name} | {excess} | {long} | {partial} | {limit} | {overload} | {recovery} s | {reach} % | \
             {reach_of_slow} % | {} |",
            if name == BARE { "" } else { &outside },
        )
        .ok();
    }
    table
}

fn findings<'a>(
    results: &Results<'a>,
    name: &str,
    clause: Clause,
    is_of_kind: impl Fn(&Scenario) -> bool,
) -> Vec<(&'a Scenario, Finding)> {
    let cells = results.cells(name, is_of_kind);
    let findings = cells.iter().flat_map(|cell| cell.findings().into_iter().map(|finding| (cell.scenario, finding)));
    findings.filter(|(_, finding)| finding.clause == clause).collect()
}

fn count_outside(results: &Results<'_>, name: &str, clause: Clause) -> usize {
    let findings = findings(results, name, clause, |scenario| is_usual(scenario) && is_for_all(scenario));
    findings.iter().filter(|(_, finding)| !finding.is_met()).count()
}

/// The cells of preset B that come nearest to a bound.
fn nearest(results: &Results<'_>) -> String {
    let mut table = format!(
        "### Where {B} comes nearest to the rule's bounds, in all scenarios\n\n| clause | scenario | result | ÷ bound |\n|---|---|---|---:|\n"
    );
    for clause in CLAUSES {
        let mut findings = findings(results, B, clause, is_usual);
        findings.sort_by(|(_, one), (_, other)| other.of_bound().total_cmp(&one.of_bound()));
        for (scenario, finding) in findings.iter().take(6) {
            writeln!(table, "| {clause:?} | {scenario} | {finding} | {:.2} |", finding.of_bound()).ok();
        }
    }
    table
}

/// A table of one value per detailed candidate and scenario.
fn by_scenario(results: &Results<'_>, title: &str, columns: &[Column], show: impl Fn(&[Cell<'_>]) -> String) -> String {
    let heads: Vec<&str> = columns.iter().map(|column| column.head.as_str()).collect();
    let mut table =
        format!("### {title}\n\n| candidate | {} |\n|---|{}\n", heads.join(" | "), "---:|".repeat(heads.len()));
    for name in shown(results) {
        let values: Vec<String> = columns.iter().map(|column| show(&results.cells(name, &column.is_of_kind))).collect();
        writeln!(table, "| {name} | {} |", values.join(" | ")).ok();
    }
    table
}

/// The scenarios of one column of a table.
struct Column {
    head: String,
    is_of_kind: Box<dyn Fn(&Scenario) -> bool>,
}

fn column(head: impl Into<String>, is_of_kind: impl Fn(&Scenario) -> bool + 'static) -> Column {
    Column { head: head.into(), is_of_kind: Box::new(is_of_kind) }
}

fn by_duration(results: &Results<'_>) -> String {
    let columns: Vec<_> = [10, 80, 300, 1_000, 5_000, 30_000]
        .map(|millis| {
            let lasts = Duration::from_millis(millis);
            column(format!("{lasts:?}"), move |scenario| {
                let is_refusal = is_usual(scenario) && scenario.fault == Fault::Refuses;
                is_refusal && scenario.lasts == lasts && scenario.rate == 500.0 && scenario.clients == 1
            })
        })
        .into();
    by_scenario(results, "Seconds of traffic lost in a cut of this length (one client, 500/s)", &columns, |cells| {
        number(worst_of(cells, |cell| cell.ours.lost as f64 / cell.scenario.rate / f64::from(cell.ours.runs)))
    })
}

/// The remaining share of the bare client's loss, in faults shorter than one second.
fn retried(results: &Results<'_>) -> String {
    let durations = [10, 20, 80, 150, 300, 500].map(Duration::from_millis);
    let heads = durations.map(|lasts| format!("{lasts:?}")).join(" | ");
    let mut table = format!(
        "### {B} in cuts shorter than a second: lost ÷ bare (one client)\n\n| calls | {heads} |\n|---|{}\n",
        "---:|".repeat(6)
    );
    for rate in [5.0, 50.0, 500.0, 5_000.0] {
        let losses = durations.map(|lasts| {
            let cells = results.cells(B, |scenario| {
                let is_refusal = is_usual(scenario) && scenario.fault == Fault::Refuses && scenario.clients == 1;
                is_refusal && scenario.rate == rate && scenario.lasts == lasts
            });
            number(worst_of(&cells, Cell::loss))
        });
        writeln!(table, "| {rate}/s | {} |", losses.join(" | ")).ok();
    }
    table
}

fn by_share(results: &Results<'_>) -> String {
    let columns: Vec<_> = [0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95]
        .map(|share| column(format!("{:.0} %", share * 100.0), move |scenario| scenario.fault == Fault::Fails(share)))
        .into();
    by_scenario(
        results,
        "Lost ÷ bare while this share of calls fails for a minute (best–worst cell)",
        &columns,
        |cells| {
            let best = cells.iter().map(Cell::loss).reduce(f64::min);
            format!("{}–{}", number(best), number(worst_of(cells, Cell::loss)))
        },
    )
}

fn overload(results: &Results<'_>) -> String {
    let mut columns: Vec<_> = [500.0, 700.0, 760.0]
        .map(|rate| {
            column(format!("{rate}/s"), move |scenario| {
                is_usual(scenario) && scenario.fault == Fault::PoolHangs && scenario.rate == rate
            })
        })
        .into();
    columns.push(column("surge", |scenario| scenario.fault == Fault::Surge));
    by_scenario(
        results,
        "A pool for 800 calls per second hangs for 5 s: lost ÷ bare, and recovery",
        &columns,
        |cells| {
            let loss = worst_of(cells, Cell::loss);
            let recovery = worst_of(cells, |cell| cell.ours.recovery.as_secs_f64());
            format!("{}, {} s", number(loss), number(recovery))
        },
    )
}

fn cold(results: &Results<'_>) -> String {
    let mut columns: Vec<_> = [10, 80, 300, 1_000]
        .map(|millis| {
            let lasts = Duration::from_millis(millis);
            column(format!("{lasts:?}"), move |scenario| {
                scenario.is_cold && scenario.fault == Fault::Refuses && scenario.lasts == lasts
            })
        })
        .into();
    columns.push(column("pool hangs for 5 s", |scenario| scenario.is_cold && scenario.fault == Fault::PoolHangs));
    by_scenario(results, "Cold start: lost ÷ bare in a cut right after the start (500/s)", &columns, |cells| {
        number(worst_of(cells, Cell::loss))
    })
}

fn long(results: &Results<'_>) -> String {
    let kinds = [(Calls::Streams, "streams"), (Calls::Long, "long calls")];
    let columns: Vec<_> = kinds
        .iter()
        .flat_map(|&(calls, name)| {
            [80, 1_000, 5_000, 12_000].map(|millis| {
                let lasts = Duration::from_millis(millis);
                column(format!("{name}, {lasts:?}"), move |scenario| scenario.calls == calls && scenario.lasts == lasts)
            })
        })
        .collect();
    by_scenario(results, "Streams and long calls of 1 to 5 s: lost ÷ bare, and recovery", &columns, |cells| {
        let recovery = worst_of(cells, |cell| cell.ours.recovery.as_secs_f64());
        format!("{}, {} s", number(worst_of(cells, Cell::loss)), number(recovery))
    })
}

/// With two or three significant digits.
fn number(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value.abs() < 0.005 => "0".to_owned(),
        Some(value) if value.abs() < 10.0 => format!("{value:.2}"),
        Some(value) if value.abs() < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}
