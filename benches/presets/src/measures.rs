//! The measures of a run, and their sums over all runs of a cell.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    scenario::Scenario,
    upstream::{PROTECTED_AFTER, Span},
};

/// One call of a client.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// When it arrived.
    pub at: Instant,
    /// Whether it got no complete response.
    pub is_lost: bool,
}

/// Measures of one run, or sums of several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Measures {
    pub calls: u64,
    pub lost: u64,
    /// The time from the fault's end until 99 of 100 calls are answered. In a sum: the longest time
    /// of all runs.
    pub recovery: Duration,
    /// Calls that arrived while protection was due.
    pub demand: u64,
    /// Attempts that reached the upstream while protection was due.
    pub attempts: u64,
    /// How long protection was due: from [`PROTECTED_AFTER`] to the end of the fault, or the second
    /// half of a shorter fault.
    pub protected: Duration,
    pub runs: u32,
}

impl Measures {
    pub fn of(scenario: &Scenario, fault: Span, calls: &[Call], attempts: u64) -> Self {
        let after = if scenario.lasts > PROTECTED_AFTER { PROTECTED_AFTER } else { scenario.lasts / 2 };
        let due = Span { from: fault.from + after, to: fault.to };
        Self {
            calls: calls.len() as u64,
            lost: calls.iter().filter(|call| call.is_lost).count() as u64,
            recovery: recovery(calls, fault.to),
            demand: calls.iter().filter(|call| due.contains(call.at)).count() as u64,
            attempts,
            protected: due.to - due.from,
            runs: 1,
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.lost += other.lost;
        self.recovery = self.recovery.max(other.recovery);
        self.demand += other.demand;
        self.attempts += other.attempts;
        self.protected += other.protected;
        self.runs += other.runs;
    }

    /// Lost calls divided by those of the bare client; 1 if both lose the same number.
    pub fn loss(&self, bare: &Self) -> f64 {
        if self.lost == bare.lost { 1.0 } else { self.lost as f64 / bare.lost as f64 }
    }

    /// Seconds of traffic per run that are lost in addition to the bare client's loss.
    pub fn excess(&self, bare: &Self, rate: f64) -> f64 {
        (self.lost as f64 - bare.lost as f64) / rate / f64::from(self.runs)
    }

    /// Attempts per call while protection is due.
    pub fn reach(&self) -> f64 {
        self.attempts as f64 / self.demand.max(1) as f64
    }
}

/// The number of consecutive calls of which 99 % must be answered.
const OF: usize = 100;

/// The time from `end` until the arrival of the last call that begins a series of 100 calls of
/// which at least 2 are lost. Zero if there is none.
fn recovery(calls: &[Call], end: Instant) -> Duration {
    let after = &calls[calls.partition_point(|call| call.at < end)..];
    let lost: Vec<usize> = (0..after.len()).filter(|&index| after[index].is_lost).collect();
    let of_two = lost.windows(2).rev().find(|pair| pair[1] - pair[0] < OF).map(|pair| pair[0]);
    // If fewer than 100 calls arrived from the last lost call on, it is more than 1 % of them.
    let last = lost.last().copied().filter(|&index| after.len() - index < OF);
    last.or(of_two).map_or(Duration::ZERO, |index| after[index].at - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten calls per second, with the indices of the lost ones.
    fn calls(lost: &[usize], of: usize) -> (Vec<Call>, Instant) {
        let start = Instant::now();
        let at = |index: usize| start + Duration::from_millis(100) * index as u32;
        let call = |index| Call { at: at(index), is_lost: lost.contains(&index) };
        ((0..of).map(call).collect(), start)
    }

    #[test]
    fn recovery_ends_when_99_of_100_calls_are_answered() {
        for (lost, seconds) in [(vec![], 0.0), (vec![7], 0.0), (vec![7, 9], 0.7), (vec![7, 9, 30, 250], 0.9)] {
            let (calls, start) = calls(&lost, 1_000);
            assert_eq!(recovery(&calls, start).as_secs_f64(), seconds, "{lost:?}");
        }
    }

    #[test]
    fn a_lost_call_among_the_last_100_counts() {
        let (calls, start) = calls(&[950], 1_000);
        assert_eq!(recovery(&calls, start).as_secs_f64(), 95.0);
    }

    #[test]
    fn calls_before_the_end_do_not_count() {
        let (calls, start) = calls(&[7, 9], 1_000);
        assert_eq!(recovery(&calls, start + Duration::from_secs(1)), Duration::ZERO);
    }
}
