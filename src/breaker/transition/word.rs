use crate::breaker::{
    generation::GENERATION_MASK,
    state::{Mode, State},
};

/// What the state word says. A generation is what a permit belongs to: every transition begins a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StateWord {
    pub(crate) generation: u32,
    pub(crate) mode: Mode,
    /// Openings without a closing in between; stays at the largest that fits.
    pub(crate) streak: u8,
    pub(crate) phase: Phase,
    /// Closed: since the last call that was dropped, or since it closed, another one has ended.
    pub(crate) answered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed {
        failures_in_a_row: u32,
        /// It has just closed, and admits a growing share.
        slow_start: bool,
    },
    Open,
    HalfOpen {
        in_flight: u8,
        /// Probes that ended with a success or a failure.
        counted: u8,
        /// Probes admitted: 0 before the first, and from 1 to 63 again and again. Makes two words
        /// differ that would otherwise be alike, although a probe ended and another began in
        /// between.
        admitted: u8,
    },
}

impl StateWord {
    /// Failures in a row are counted up to this.
    pub(crate) const MAX_FAILURES_IN_A_ROW: u32 = (1 << 20) - 1;

    /// The largest streak that fits into the word.
    pub(crate) const MAX_STREAK: u8 = 63;

    /// After this, admitted probes are counted from 1 again.
    pub(crate) const MAX_ADMITTED: u8 = 63;

    /// One more interval without a success, which counts like an opening.
    pub(crate) fn with_longer_streak(self) -> Self {
        Self { streak: (self.streak + 1).min(Self::MAX_STREAK), ..self }
    }

    /// The same circuit in a new generation.
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

    /// Half-open, with its first probe.
    pub(super) fn new_probe_round(self) -> Self {
        self.in_next_generation(Phase::HalfOpen { in_flight: 1, counted: 0, admitted: 1 })
    }

    pub(crate) fn closed(self) -> Self {
        Self { streak: 0, ..self.in_next_generation(Phase::Closed { failures_in_a_row: 0, slow_start: false }) }
    }

    /// Closed, whatever it was: what a reset makes of it. A circuit that is forced open stays so.
    pub(crate) fn reset(self) -> Self {
        self.in_mode(self.mode)
    }

    /// What a success makes of it that nobody had a permit for.
    pub(crate) fn after_reported_success(self) -> Self {
        match (self.phase, self.mode) {
            (Phase::Closed { slow_start, .. }, _) => {
                Self { phase: Phase::Closed { failures_in_a_row: 0, slow_start }, answered: true, ..self }
            }
            (_, Mode::Auto) => self.closed(),
            _ => self,
        }
    }

    /// Closed, and admitting a growing share at first.
    pub(crate) fn with_slow_start(self) -> Self {
        match self.phase {
            Phase::Closed { failures_in_a_row, .. } => {
                Self { phase: Phase::Closed { failures_in_a_row, slow_start: true }, ..self }
            }
            Phase::Open | Phase::HalfOpen { .. } => self,
        }
    }

    /// Closed once more, with nothing counted; anything else stays what it is, and so does a ramp.
    pub(crate) fn with_counts_cleared(self) -> Self {
        match self.phase {
            Phase::Closed { slow_start, .. } => {
                Self { streak: 0, ..self.in_next_generation(Phase::Closed { failures_in_a_row: 0, slow_start }) }
            }
            Phase::Open | Phase::HalfOpen { .. } => self,
        }
    }

    /// Closed, and it wasn't told yet that it would have opened; anything else stays what it is.
    pub(crate) fn with_would_open_unreported(self) -> Self {
        match self.phase {
            Phase::Closed { .. } => Self { streak: 0, ..self },
            Phase::Open | Phase::HalfOpen { .. } => self,
        }
    }

    /// A new beginning in a mode.
    pub(crate) fn in_mode(self, mode: Mode) -> Self {
        // Nothing is counted while it is disabled: no call has anything to write there.
        let closed = Self { mode, answered: mode == Mode::Disabled, ..self.closed() };
        if mode == Mode::ForcedOpen { Self { phase: Phase::Open, ..closed } } else { closed }
    }

    /// Closed, and every call is admitted.
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
