//! The rule that a preset must meet: no more loss than without it, fast recovery, and protection.

use std::{fmt, time::Duration};

use crate::{
    measures::Measures,
    scenario::{Fault, Scenario},
    upstream::PROTECTED_AFTER,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clause {
    /// The stack loses at most 1.1 times as many calls as the bare client.
    Loss,
    /// 99 of 100 calls are answered within 12 % of the fault's duration after its end, and within
    /// 2.3 s.
    Recovery,
    /// After 5 s, a dead upstream receives at most 10 % of the demand, or 1 attempt per second and
    /// client, whichever is more.
    Protection,
    /// An upstream with limited capacity recovers at most 2.3 s later than with the bare client.
    Storm,
}

pub const CLAUSES: [Clause; 4] = [Clause::Loss, Clause::Recovery, Clause::Protection, Clause::Storm];

const LATEST_RECOVERY: Duration = Duration::from_millis(2_300);

/// A measured value, and the bound that it must not exceed.
#[derive(Debug, Clone, Copy)]
pub struct Finding {
    pub clause: Clause,
    pub value: f64,
    pub bound: f64,
}

impl Finding {
    pub fn is_met(&self) -> bool {
        self.value <= self.bound
    }

    /// The value divided by the bound.
    pub fn of_bound(&self) -> f64 {
        if self.value == 0.0 { 0.0 } else { self.value / self.bound }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clause, value, bound } = self;
        match clause {
            Clause::Loss => write!(f, "loses {value:.0} calls; at most {bound:.0} are allowed"),
            Clause::Recovery | Clause::Storm => write!(f, "recovers after {value:.2} s; {bound:.2} s are allowed"),
            Clause::Protection => write!(f, "sends {value:.0} attempts; {bound:.0} are allowed"),
        }
    }
}

/// Checks a cell against each clause of the rule that applies.
pub fn judge(scenario: &Scenario, ours: &Measures, bare: &Measures) -> Vec<Finding> {
    let mut findings = vec![Finding { clause: Clause::Loss, value: ours.lost as f64, bound: 1.1 * bare.lost as f64 }];
    let recovery = ours.recovery.as_secs_f64();
    if scenario.is_overload() {
        let bound = (bare.recovery + LATEST_RECOVERY).as_secs_f64();
        findings.push(Finding { clause: Clause::Storm, value: recovery, bound });
    } else {
        let bound = scenario.lasts.mul_f64(0.12).min(LATEST_RECOVERY).as_secs_f64();
        findings.push(Finding { clause: Clause::Recovery, value: recovery, bound });
    }
    if is_protected(scenario) {
        let per_client = ours.protected.as_secs_f64() * scenario.clients as f64;
        let bound = (0.1 * ours.demand as f64).max(per_client);
        findings.push(Finding { clause: Clause::Protection, value: ours.attempts as f64, bound });
    }
    findings
}

/// Whether the protection clause applies: the upstream answers no call successfully, for longer
/// than `PROTECTED_AFTER`.
pub fn is_protected(scenario: &Scenario) -> bool {
    scenario.is_dead() && scenario.lasts > PROTECTED_AFTER
}

/// Whether only a part of the calls fails, so that a second attempt may succeed.
pub fn is_partial(scenario: &Scenario) -> bool {
    matches!(scenario.fault, Fault::Fails(share) if share < 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        candidates::{self, B, BARE},
        results,
    };

    /// Returns the clauses that this candidate breaks while the upstream refuses calls for one
    /// second.
    fn broken(name: &str) -> Vec<Clause> {
        let mut candidates = candidates::all();
        candidates.retain(|candidate| [BARE, name].contains(&candidate.name));
        let scenarios = [Scenario::new(Fault::Refuses, Duration::from_secs(1), 50.0, 1)];
        let results = results::run(&candidates, &scenarios, 0.1, None).unwrap();
        let cell = results.cells(name, |_| true)[0];
        let broken = cell.findings().into_iter().filter(|finding| !finding.is_met());
        broken.map(|finding| finding.clause).collect()
    }

    #[test]
    fn an_open_time_of_30_s_breaks_the_rule() {
        assert_eq!(broken("5 in a row, 30 s"), [Clause::Loss, Clause::Recovery]);
    }

    #[test]
    fn preset_b_keeps_the_rule() {
        assert_eq!(broken(B), []);
    }
}
