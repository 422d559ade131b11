//! The state word as 64 bits.

use crate::breaker::{
    state::Mode,
    transition::{Phase, StateWord},
};

// The bits of the state word; see the figure in the module `cell`. Phase 0 is closed, and mode 0 is
// automatic.
pub(super) const FAILURES_IN_A_ROW: u64 = StateWord::MAX_FAILURES_IN_A_ROW as u64;
pub(super) const SLOW_START: u64 = 1 << 20;
pub(super) const ANSWERED: u64 = 1 << 21;
pub(super) const PHASE: u64 = 0b11 << 22;
pub(super) const OPEN: u64 = 1 << 22;
pub(super) const MODE: u64 = 0b111 << 24;

pub(super) fn pack(word: StateWord) -> u64 {
    let (phase, rest) = match word.phase {
        Phase::Closed { failures_in_a_row, slow_start } => {
            let answered = if word.answered { ANSWERED } else { 0 };
            (
                0,
                answered
                    | u64::from(slow_start) << 20
                    | u64::from(failures_in_a_row.min(StateWord::MAX_FAILURES_IN_A_ROW)),
            )
        }
        Phase::Open => (1, 0),
        Phase::HalfOpen { in_flight, counted, admitted } => {
            (2, u64::from(in_flight) << 14 | u64::from(counted) << 6 | u64::from(admitted & 0x3F))
        }
    };
    let mode = match word.mode {
        Mode::Auto => 0,
        Mode::ForcedOpen => 1,
        Mode::ForcedClosed => 2,
        Mode::MetricsOnly => 3,
        Mode::Disabled => 4,
    };
    u64::from(word.generation) << 33 | u64::from(word.streak) << 27 | mode << 24 | phase << 22 | rest
}

#[inline]
pub(super) fn generation_of(word: u64) -> u32 {
    (word >> 33) as u32
}

pub(super) fn unpack(word: u64) -> StateWord {
    let byte = |shift: u32| (word >> shift) as u8;
    let phase = match word >> 22 & 0b11 {
        0 => Phase::Closed { failures_in_a_row: (word & FAILURES_IN_A_ROW) as u32, slow_start: word & SLOW_START != 0 },
        1 => Phase::Open,
        _ => Phase::HalfOpen { in_flight: byte(14), counted: byte(6), admitted: byte(0) & 0x3F },
    };
    let mode = match word >> 24 & 0b111 {
        0 => Mode::Auto,
        1 => Mode::ForcedOpen,
        2 => Mode::ForcedClosed,
        3 => Mode::MetricsOnly,
        _ => Mode::Disabled,
    };
    let answered = word & PHASE == 0 && word & ANSWERED != 0;
    StateWord { generation: generation_of(word), mode, streak: (word >> 27 & 0x3F) as u8, phase, answered }
}
