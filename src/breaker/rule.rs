//! The breaker's rules, pure: (word, what happened, counts) → the next word. No atomics, no clock, no I/O.

use super::{state::State, window::Counts};
use crate::Ratio;

/// When a closed circuit opens. Several rules can stand together; the first that says so opens.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rules {
    pub(crate) consecutive: Option<u32>,
    pub(crate) failing: Option<Share>,
    pub(crate) slow: Option<Share>,
}

/// A share of the calls in a window, once there are enough of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share {
    pub(crate) at_least: Ratio,
    pub(crate) minimum: u32,
}

/// How a half-open circuit is tried, and what closes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Probing {
    /// At most this many at a time.
    pub(crate) at_a_time: u8,
    pub(crate) verdict: ProbeVerdict,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ProbeVerdict {
    /// So many successes close it; one failure reopens it.
    Successes(u8),
    /// After so many results, the shares decide.
    Share { of: u8, failing: Ratio },
}

/// What the state word says. A generation is what a permit belongs to: every transition begins a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) generation: u32,
    /// Openings without a closing in between; stays at the largest that fits.
    pub(crate) streak: u8,
    pub(crate) phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed {
        failures_in_a_row: u32,
    },
    Open,
    HalfOpen {
        in_flight: u8,
        /// Probes that ended with a success or a failure.
        counted: u8,
        /// Probes admitted, modulo a few bits: makes two words differ that would otherwise be alike, although a probe
        /// ended and another began in between.
        admitted: u8,
    },
}

/// What a call's end says to the circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Success,
    Failure,
    /// Neither: judged neutral, or dropped.
    Neither,
}

/// What the circuit answers to a call that wants in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Closed: in, and nothing changes.
    Admit,
    /// In, as a probe, if the word can be made this one.
    Probe(Word),
    /// Not now.
    Reject,
}

/// `timer_is_over`: for an open circuit, its open time is over; for a half-open one, the lease of its newest probe.
pub(crate) fn admit(probing: &Probing, word: Word, timer_is_over: bool) -> Admission {
    match word.phase {
        Phase::Closed { .. } => Admission::Admit,
        // The open time is over: the first probe. Or probes are on their way, but have had their time: a new round, in
        // which they have no say.
        Phase::Open | Phase::HalfOpen { in_flight: 1.., .. } if timer_is_over => {
            Admission::Probe(word.then(Phase::HalfOpen { in_flight: 1, counted: 0, admitted: 1 }))
        }
        Phase::HalfOpen { in_flight, counted, admitted } if probing.has_room(in_flight, counted) => {
            let admitted = admitted.wrapping_add(1);
            Admission::Probe(Word { phase: Phase::HalfOpen { in_flight: in_flight + 1, counted, admitted }, ..word })
        }
        Phase::Open | Phase::HalfOpen { .. } => Admission::Reject,
    }
}

/// The word after a call of its own generation ended. `counts`: of the window while closed, of the probes while half-open,
/// this ending included.
pub(crate) fn end(rules: &Rules, probing: &Probing, word: Word, ending: Ending, counts: Counts) -> Word {
    match word.phase {
        Phase::Closed { failures_in_a_row } => {
            let failures_in_a_row = match ending {
                Ending::Success => 0,
                Ending::Failure => failures_in_a_row.saturating_add(1),
                Ending::Neither => return word,
            };
            if rules.open(failures_in_a_row, counts) {
                word.open()
            } else {
                Word { phase: Phase::Closed { failures_in_a_row }, ..word }
            }
        }
        Phase::HalfOpen { in_flight, counted, admitted } => {
            let in_flight = in_flight.saturating_sub(1);
            if ending == Ending::Neither {
                return Word { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word };
            }
            let counted = counted.saturating_add(1);
            match probing.decide(rules, counted, counts) {
                Some(State::Open) => word.open(),
                Some(_) => word.closed(),
                None => Word { phase: Phase::HalfOpen { in_flight, counted, admitted }, ..word },
            }
        }
        // No permit belongs to an open generation.
        Phase::Open => word,
    }
}

impl Rules {
    fn open(&self, failures_in_a_row: u32, counts: Counts) -> bool {
        self.consecutive.is_some_and(|limit| failures_in_a_row >= limit)
            || self.failing.is_some_and(|share| share.is_reached_by(counts.failures, counts.calls))
            || self.slow.is_some_and(|share| share.is_reached_by(counts.slow, counts.timed))
    }
}

impl Share {
    fn is_reached_by(self, part: u32, whole: u32) -> bool {
        whole >= self.minimum && self.at_least.is_reached_by(part, whole)
    }
}

impl Probing {
    /// How many results decide.
    pub(crate) fn needed(&self) -> u8 {
        match self.verdict {
            ProbeVerdict::Successes(needed) | ProbeVerdict::Share { of: needed, .. } => needed,
        }
    }

    /// A probe that can't matter any more isn't sent: those in flight may be enough to decide.
    fn has_room(&self, in_flight: u8, counted: u8) -> bool {
        in_flight < self.at_a_time && u16::from(in_flight) + u16::from(counted) < u16::from(self.needed())
    }

    /// Where to go after `counted` results, if that can be said. Slow probes count like failures if there is a rule
    /// for slow calls.
    fn decide(&self, rules: &Rules, counted: u8, counts: Counts) -> Option<State> {
        let slow = if rules.slow.is_some() { counts.slow } else { 0 };
        match self.verdict {
            ProbeVerdict::Successes(_) if counts.failures > 0 || slow > 0 => Some(State::Open),
            ProbeVerdict::Successes(needed) => (counted >= needed).then_some(State::Closed),
            ProbeVerdict::Share { of, .. } if counted < of => None,
            ProbeVerdict::Share { failing, .. } => {
                let too_slow = rules.slow.is_some_and(|share| share.at_least.is_reached_by(slow, counts.timed));
                let bad = failing.is_reached_by(counts.failures, counts.calls) || too_slow;
                Some(if bad { State::Open } else { State::Closed })
            }
        }
    }
}

impl Word {
    /// The largest streak that fits into the word.
    pub(crate) const MAX_STREAK: u8 = 63;

    /// The same circuit in a new generation.
    pub(crate) fn then(self, phase: Phase) -> Self {
        Self { generation: self.next_generation(), phase, ..self }
    }

    pub(crate) fn next_generation(self) -> u32 {
        self.generation.wrapping_add(1) & super::cell::GENERATION_MASK
    }

    pub(crate) fn open(self) -> Self {
        Self { streak: (self.streak + 1).min(Self::MAX_STREAK), ..self.then(Phase::Open) }
    }

    pub(crate) fn half_open(self) -> Self {
        self.then(Phase::HalfOpen { in_flight: 0, counted: 0, admitted: 0 })
    }

    pub(crate) fn closed(self) -> Self {
        Self { streak: 0, ..self.then(Phase::Closed { failures_in_a_row: 0 }) }
    }

    pub(crate) fn state(self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }
}
