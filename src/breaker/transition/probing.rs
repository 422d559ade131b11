use super::rules::Rules;
use crate::{
    Ratio,
    breaker::{state::State, window::Counts},
};

/// How a half-open circuit is tried, and what closes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ProbePolicy {
    /// At most this many at a time.
    pub(crate) max_concurrent: u8,
    pub(crate) closes_on: CloseCondition,
    /// After how many microseconds a half-open circuit moves on undecided, and where to.
    pub(crate) limit: Option<(u64, Undecided)>,
    /// Requests aren't probes: only whoever asks as one is let in.
    pub(crate) external_only: bool,
}

/// Where a circuit goes that was half-open for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Undecided {
    /// It opens again.
    Open,
    /// It closes.
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum CloseCondition {
    /// So many successes close it; one failure reopens it.
    Successes(u8),
    /// After so many results, the shares decide.
    FailureRate { of: u8, failing: Ratio },
    /// The first success closes it. Probes are admitted by time alone, one per interval.
    Trickle,
}

impl ProbePolicy {
    pub(crate) const fn new(max_concurrent: u8, closes_on: CloseCondition) -> Self {
        Self { max_concurrent, closes_on, limit: None, external_only: false }
    }

    /// How many results decide.
    pub(crate) fn results_needed(&self) -> u8 {
        match self.closes_on {
            CloseCondition::Successes(needed) | CloseCondition::FailureRate { of: needed, .. } => needed,
            CloseCondition::Trickle => 1,
        }
    }

    /// Whether one probe is admitted per interval, however many are on their way.
    pub(crate) fn trickles(&self) -> bool {
        self.closes_on == CloseCondition::Trickle
    }

    /// A probe that can't matter any more isn't sent: those in flight may be enough to decide.
    pub(super) fn has_room(&self, in_flight: u8, counted: u8) -> bool {
        in_flight < self.max_concurrent && u16::from(in_flight) + u16::from(counted) < u16::from(self.results_needed())
    }

    /// Where to go after `counted` results, if that can be said. Slow probes count like failures if there is a rule
    /// for slow calls.
    pub(super) fn decide(&self, rules: &Rules, counted: u8, counts: Counts) -> Option<State> {
        let slow = if rules.slow.is_some() { counts.slow } else { 0 };
        match self.closes_on {
            CloseCondition::Successes(_) if counts.failures > 0 || slow > 0 => Some(State::Open),
            CloseCondition::Successes(needed) => (counted >= needed).then_some(State::Closed),
            CloseCondition::FailureRate { of, .. } if counted < of => None,
            // `end` decides without the counts.
            CloseCondition::Trickle => None,
            CloseCondition::FailureRate { failing, .. } => {
                let too_slow = rules.slow.is_some_and(|share| share.at_least.is_reached_by(slow, counts.timed));
                let bad = failing.is_reached_by(counts.failures, counts.calls) || too_slow;
                Some(if bad { State::Open } else { State::Closed })
            }
        }
    }
}
