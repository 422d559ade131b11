use super::rules::Rules;
use crate::{
    Ratio,
    breaker::{state::State, window::Counts},
};

/// How a half-open circuit is tried, and what closes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Probing {
    /// At most this many at a time.
    pub(crate) at_a_time: u8,
    pub(crate) verdict: ProbeVerdict,
    /// After how many microseconds a half-open circuit moves on undecided, and where to.
    pub(crate) limit: Option<(u64, Undecided)>,
    /// Requests aren't probes: only whoever asks as one is let in.
    pub(crate) own: bool,
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
pub(crate) enum ProbeVerdict {
    /// So many successes close it; one failure reopens it.
    Successes(u8),
    /// After so many results, the shares decide.
    Share { of: u8, failing: Ratio },
    /// The first success closes it. Probes are admitted by time alone, one per interval.
    Trickle,
}

impl Probing {
    pub(crate) const fn new(at_a_time: u8, verdict: ProbeVerdict) -> Self {
        Self { at_a_time, verdict, limit: None, own: false }
    }

    /// How many results decide.
    pub(crate) fn needed(&self) -> u8 {
        match self.verdict {
            ProbeVerdict::Successes(needed) | ProbeVerdict::Share { of: needed, .. } => needed,
            ProbeVerdict::Trickle => 1,
        }
    }

    /// Whether one probe is admitted per interval, however many are on their way.
    pub(crate) fn trickles(&self) -> bool {
        self.verdict == ProbeVerdict::Trickle
    }

    /// A probe that can't matter any more isn't sent: those in flight may be enough to decide.
    pub(super) fn has_room(&self, in_flight: u8, counted: u8) -> bool {
        in_flight < self.at_a_time && u16::from(in_flight) + u16::from(counted) < u16::from(self.needed())
    }

    /// Where to go after `counted` results, if that can be said. Slow probes count like failures if there is a rule
    /// for slow calls.
    pub(super) fn decide(&self, rules: &Rules, counted: u8, counts: Counts) -> Option<State> {
        let slow = if rules.slow.is_some() { counts.slow } else { 0 };
        match self.verdict {
            ProbeVerdict::Successes(_) if counts.failures > 0 || slow > 0 => Some(State::Open),
            ProbeVerdict::Successes(needed) => (counted >= needed).then_some(State::Closed),
            ProbeVerdict::Share { of, .. } if counted < of => None,
            // `end` decides without the counts.
            ProbeVerdict::Trickle => None,
            ProbeVerdict::Share { failing, .. } => {
                let too_slow = rules.slow.is_some_and(|share| share.at_least.is_reached_by(slow, counts.timed));
                let bad = failing.is_reached_by(counts.failures, counts.calls) || too_slow;
                Some(if bad { State::Open } else { State::Closed })
            }
        }
    }
}
