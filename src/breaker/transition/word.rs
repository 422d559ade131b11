//! The state of a circuit, as plain data.

use crate::breaker::{
    generation::GENERATION_MASK,
    state::{Mode, State},
};

/// The unpacked state word of a circuit. Every transition starts a new generation, and a permit
/// belongs to one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StateWord {
    pub(crate) generation: u32,
    pub(crate) mode: Mode,
    /// Openings in a row, without a closing in between. Saturates at
    /// [`MAX_STREAK`](Self::MAX_STREAK).
    pub(crate) streak: u8,
    pub(crate) phase: Phase,
    /// Closed: a call has ended with a success, a failure or a neutral result since the last
    /// cancelled call, or since the circuit closed.
    pub(crate) answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed {
        failures_in_a_row: u32,
        /// The circuit has just closed, and admits a growing share of the calls.
        slow_start: bool,
    },
    Open,
    HalfOpen {
        in_flight: u8,
        /// Probes that ended with a success or a failure.
        counted: u8,
        /// The number of the newest probe: 0 before the first, then 1 to 63 in a cycle. Without it,
        /// the word would be the same again after one probe has ended and another one has begun.
        admitted: u8,
    },
}

impl StateWord {
    /// The largest number of failures in a row that is counted.
    pub(crate) const MAX_FAILURES_IN_A_ROW: u32 = (1 << 20) - 1;

    /// The largest streak that fits into the word.
    pub(crate) const MAX_STREAK: u8 = 63;

    /// The largest number of a probe. After it, the numbers start at 1 again.
    pub(crate) const MAX_ADMITTED: u8 = 63;

    /// Counts one more interval of trickling probes without a success, like an opening in a row.
    pub(crate) fn with_longer_streak(self) -> Self {
        Self { streak: (self.streak + 1).min(Self::MAX_STREAK), ..self }
    }

    /// Moves to a phase in the next generation.
    pub(crate) fn in_next_generation(self, phase: Phase) -> Self {
        Self { generation: self.next_generation(), phase, answered: false, ..self }
    }

    pub(crate) fn next_generation(self) -> u32 {
        self.generation.wrapping_add(1) & GENERATION_MASK
    }

    #[cfg(feature = "keyed")]
    pub(crate) fn previous_generation(self) -> u32 {
        self.generation.wrapping_sub(1) & GENERATION_MASK
    }

    pub(crate) fn opened(self) -> Self {
        self.with_longer_streak().in_next_generation(Phase::Open)
    }

    pub(crate) fn half_opened(self) -> Self {
        self.in_next_generation(Phase::HalfOpen { in_flight: 0, counted: 0, admitted: 0 })
    }

    /// Half-open in the next generation, with its first probe in flight.
    pub(super) fn new_probe_round(self) -> Self {
        self.in_next_generation(Phase::HalfOpen { in_flight: 1, counted: 0, admitted: 1 })
    }

    pub(crate) fn closed(self) -> Self {
        Self { streak: 0, ..self.in_next_generation(Phase::Closed { failures_in_a_row: 0, slow_start: false }) }
    }

    /// Closed in the next generation, whatever the state was. A circuit that is forced open stays
    /// open.
    pub(crate) fn reset(self) -> Self {
        self.in_mode(self.mode)
    }

    /// The state after a success that was reported without a permit.
    pub(crate) fn after_reported_success(self) -> Self {
        match (self.phase, self.mode) {
            (Phase::Closed { slow_start, .. }, _) => {
                Self { phase: Phase::Closed { failures_in_a_row: 0, slow_start }, answered: true, ..self }
            }
            (_, Mode::Auto) => self.closed(),
            _ => self,
        }
    }

    /// Closed in slow start: the circuit admits a growing share of the calls.
    pub(crate) fn with_slow_start(self) -> Self {
        match self.phase {
            Phase::Closed { failures_in_a_row, .. } => {
                Self { phase: Phase::Closed { failures_in_a_row, slow_start: true }, ..self }
            }
            Phase::Open | Phase::HalfOpen { .. } => self,
        }
    }

    /// A closed word: the next generation, with all counts 0; a slow start continues. Any other
    /// word stays as it is.
    pub(crate) fn with_counts_cleared(self) -> Self {
        match self.phase {
            Phase::Closed { slow_start, .. } => {
                Self { streak: 0, ..self.in_next_generation(Phase::Closed { failures_in_a_row: 0, slow_start }) }
            }
            Phase::Open | Phase::HalfOpen { .. } => self,
        }
    }

    /// A closed word: the circuit can report again that it would have opened. Any other word stays
    /// as it is.
    pub(crate) fn with_would_open_unreported(self) -> Self {
        match self.phase {
            Phase::Closed { .. } => Self { streak: 0, ..self },
            Phase::Open | Phase::HalfOpen { .. } => self,
        }
    }

    /// A new generation in `mode`.
    pub(crate) fn in_mode(self, mode: Mode) -> Self {
        // `answered` lets successes take the fast path, because a disabled circuit counts no calls.
        let closed = Self { mode, answered: mode == Mode::Disabled, ..self.closed() };
        if mode == Mode::ForcedOpen { Self { phase: Phase::Open, ..closed } } else { closed }
    }

    /// Returns whether the circuit counts as open in its group.
    pub(crate) fn counts_as_open(self) -> bool {
        self.mode == Mode::Auto && !matches!(self.phase, Phase::Closed { .. })
    }

    /// Returns whether the circuit is closed and admits every call.
    pub(crate) fn admits_all(self) -> bool {
        matches!(self.phase, Phase::Closed { slow_start: false, .. })
    }

    pub(crate) fn state(self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }
}
