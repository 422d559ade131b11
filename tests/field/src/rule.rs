//! Implements the rule that the presets must meet. README.md describes it.

use std::time::Duration;

use crate::table::{Recovered, Report, Row};

/// A client may lose at most this multiple of what the bare client loses.
const LOSS: f64 = 1.1;
/// The requests that arrive within this time may be lost in addition, because real servers and the
/// scheduler are noisy.
const NOISE: Duration = Duration::from_millis(50);
/// If another attempt could succeed, repeatable operations may lose at most this multiple of what
/// they lose with the bare client.
const REPEATED: f64 = 0.1;
/// After the end of the fault, 99 % of the requests must be answered again within this share of the
/// fault's duration, and within [`RECOVERY_MOST`].
const RECOVERY: f64 = 0.12;
/// The longest recovery that the rule allows, before [`RECOVERY_NOISE`] is added.
const RECOVERY_MOST: Duration = Duration::from_millis(2300);
/// The time that is added to the bound for recovery, because real servers are noisy.
const RECOVERY_NOISE: Duration = Duration::from_millis(300);
/// After the first 5 s of the fault, a dead upstream may receive this share of the demand, or 1
/// attempt per second if that is more.
const REACHED: f64 = 0.1;

/// Whether the rule applies to this client: only to `ours` and its variants.
pub fn applies_to(row: &Row) -> bool {
    row.client == "ours" || row.client.starts_with("ours ")
}

/// The clauses that a client breaks, as one text each. Empty if the rule holds or doesn't apply.
pub fn broken(report: &Report, row: &Row) -> Vec<String> {
    if !applies_to(row) {
        return Vec::new();
    }
    let parts =
        [losses(report, row), repeatable(report, row), recovery(report, row), protection(row), twice(report, row)];
    parts.into_iter().flatten().collect()
}

/// The broken clauses that don't depend on the speed of the machine: losses relative to the bare
/// client of the same run, and executions.
pub fn broken_anywhere(report: &Report, row: &Row) -> Vec<String> {
    if !applies_to(row) {
        return Vec::new();
    }
    [losses(report, row), twice(report, row)].into_iter().flatten().collect()
}

fn losses(report: &Report, row: &Row) -> Option<String> {
    let bare = f64::from(report.bare()?.lost());
    let most = LOSS * bare + report.terms.per_second * NOISE.as_secs_f64();
    (f64::from(row.lost()) > most).then(|| format!("loses {} > {most:.0}", row.lost()))
}

fn repeatable(report: &Report, row: &Row) -> Option<String> {
    if !report.terms.repeatable {
        return None;
    }
    let lost = |row: &Row| {
        let repeatable = row.operations.iter().filter(|operation| !report.terms.once.contains(&operation.name));
        repeatable.map(|operation| operation.lost).sum::<u32>()
    };
    let share = 1.0 - report.terms.once.len() as f64 / row.operations.len() as f64;
    let most = REPEATED * f64::from(lost(report.bare()?)) + share * report.terms.per_second * NOISE.as_secs_f64();
    (f64::from(lost(row)) > most).then(|| format!("loses {} repeatable > {most:.0}", lost(row)))
}

fn recovery(report: &Report, row: &Row) -> Option<String> {
    let fault = report.terms.fault?;
    let most = fault.mul_f64(RECOVERY).min(RECOVERY_MOST) + RECOVERY_NOISE;
    let late = match row.recovered {
        Recovered::NotMeasured => return None,
        Recovered::After(time) => time > most,
        Recovered::NotWithin(_) => true,
    };
    late.then(|| format!("recovers after more than {:.2} s", most.as_secs_f64()))
}

fn protection(row: &Row) -> Option<String> {
    let reached = row.reached?;
    let most = (REACHED * f64::from(reached.demand)).max(reached.during.as_secs_f64());
    let attempts = f64::from(reached.attempts);
    (attempts > most).then(|| format!("a dead upstream receives {attempts:.0} attempts > {most:.0}"))
}

fn twice(report: &Report, row: &Row) -> Option<String> {
    let once = row.operations.iter().filter(|operation| report.terms.once.contains(&operation.name));
    let twice: u32 = once.filter_map(|operation| operation.twice).sum();
    let names = report.terms.once.join(", ");
    (twice > 0).then(|| format!("{twice} × {names} executed twice"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Operation, Reached, Terms};

    fn row(client: &'static str, lost: [u32; 2], twice: u32) -> Row {
        let operation = |name, lost, twice| Operation { name, offered: 1000, lost, twice: Some(twice) };
        Row {
            client,
            operations: vec![operation("GET", lost[0], 3), operation("POST", lost[1], twice)],
            recovered: Recovered::NotMeasured,
            attempts: None,
            reached: None,
            notes: String::new(),
        }
    }

    fn report(terms: Terms) -> Report {
        let terms = Terms { per_second: 200.0, once: &["POST"], ..terms };
        Report {
            scenario: "test",
            about: String::new(),
            terms,
            rows: vec![row("bare", [100, 100], 0)],
            late: Duration::ZERO,
        }
    }

    #[test]
    fn losses_are_bounded_by_those_of_the_bare_client() {
        let report = report(Terms::default());
        assert!(broken(&report, &row("ours", [130, 100], 0)).is_empty());
        assert_eq!(broken(&report, &row("ours", [130, 101], 0)), ["loses 231 > 230"]);
        assert!(broken(&report, &row("library", [130, 101], 0)).is_empty());
    }

    #[test]
    fn repeatable_requests_lose_a_tenth() {
        let report = report(Terms { repeatable: true, ..Terms::default() });
        assert!(broken(&report, &row("ours", [15, 100], 0)).is_empty());
        assert_eq!(broken(&report, &row("ours", [16, 100], 0)), ["loses 16 repeatable > 15"]);
    }

    #[test]
    fn recovery_is_bounded_by_the_length_of_the_fault() {
        let report = report(Terms { fault: Some(Duration::from_secs(5)), ..Terms::default() });
        let recovered = |recovered| broken(&report, &Row { recovered, ..row("ours", [0, 0], 0) });
        assert!(recovered(Recovered::After(Duration::from_millis(900))).is_empty());
        assert_eq!(recovered(Recovered::After(Duration::from_millis(901))), ["recovers after more than 0.90 s"]);
        assert_eq!(recovered(Recovered::NotWithin(Duration::from_secs(6))), ["recovers after more than 0.90 s"]);
    }

    #[test]
    fn a_dead_upstream_receives_a_tenth_of_the_demand() {
        let reached = |attempts, demand| Reached { attempts, demand, during: Duration::from_secs(25) };
        let broken =
            |reached| broken(&report(Terms::default()), &Row { reached: Some(reached), ..row("ours", [0, 0], 0) });
        assert!(broken(reached(500, 5000)).is_empty());
        assert_eq!(broken(reached(501, 5000)), ["a dead upstream receives 501 attempts > 500"]);
        assert!(broken(reached(25, 50)).is_empty());
    }

    #[test]
    fn a_post_is_executed_once() {
        let report = report(Terms::default());
        assert_eq!(broken_anywhere(&report, &row("ours", [0, 0], 1)), ["1 × POST executed twice"]);
        assert!(broken_anywhere(&report, &row("ours", [0, 0], 0)).is_empty());
    }
}
