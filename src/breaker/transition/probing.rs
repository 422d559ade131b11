//! How a half-open circuit is probed.

use super::rules::Rules;
use crate::{
    Ratio,
    breaker::{state::State, window::Counts},
};

/// How a half-open circuit is probed, and what closes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ProbePolicy {
    /// The maximum number of probes in flight.
    pub(crate) max_concurrent: u8,
    pub(crate) closes_on: CloseCondition,
    /// The half-open timeout, in microseconds, and the state after it.
    pub(crate) limit: Option<(u64, HalfOpenTimeout)>,
    /// Requests aren't admitted as probes; only the user's health probes are.
    pub(crate) external_only: bool,
}

/// The state of a circuit after its half-open timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HalfOpenTimeout {
    /// The circuit opens again.
    Open,
    /// The circuit closes.
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CloseCondition {
    /// This many successes close the circuit; one failure reopens it.
    Successes(u8),
    /// After `of` results, the share of failures decides: the circuit reopens at `failing` or more,
    /// and otherwise closes.
    FailureRate { of: u8, failing: Ratio },
    /// The first success closes the circuit. Probes are admitted by time alone, one per interval.
    Trickle,
}

impl ProbePolicy {
    pub(crate) const fn new(max_concurrent: u8, closes_on: CloseCondition) -> Self {
        Self { max_concurrent, closes_on, limit: None, external_only: false }
    }

    /// The number of results after which the circuit closes or reopens.
    pub(crate) fn results_needed(&self) -> u8 {
        match self.closes_on {
            CloseCondition::Successes(needed) | CloseCondition::FailureRate { of: needed, .. } => needed,
            CloseCondition::Trickle => 1,
        }
    }

    /// Returns whether one probe is admitted per interval, however many are in flight.
    pub(crate) fn trickles(&self) -> bool {
        self.closes_on == CloseCondition::Trickle
    }

    /// Returns whether another probe is admitted: below the maximum in flight, and only if the
    /// probes in flight aren't enough to decide.
    pub(super) fn has_room(&self, in_flight: u8, counted: u8) -> bool {
        in_flight < self.max_concurrent && u16::from(in_flight) + u16::from(counted) < u16::from(self.results_needed())
    }

    /// Returns the next state after `counted` results, if they are enough to decide. If there is a
    /// rule for slow calls, slow probes count, too.
    pub(super) fn decide(&self, rules: &Rules, counted: u8, counts: Counts) -> Option<State> {
        let slow = if rules.slow.is_some() { counts.slow } else { 0 };
        match self.closes_on {
            CloseCondition::Successes(_) if counts.failures > 0 || slow > 0 => Some(State::Open),
            CloseCondition::Successes(needed) => (counted >= needed).then_some(State::Closed),
            CloseCondition::FailureRate { of, .. } if counted < of => None,
            // Not used: for trickling probes, `after_call` decides without this function.
            CloseCondition::Trickle => None,
            CloseCondition::FailureRate { failing, .. } => {
                let too_slow = rules.slow.is_some_and(|share| share.at_least.is_reached_by(slow, counts.timed));
                let bad = failing.is_reached_by(counts.failures, counts.calls) || too_slow;
                Some(if bad { State::Open } else { State::Closed })
            }
        }
    }
}
