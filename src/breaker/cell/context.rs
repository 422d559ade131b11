//! The inputs and the results of the cell.

use super::failing_since::FailingSince;
use crate::breaker::{
    group::CircuitGroup,
    state::State,
    transition::{ProbePolicy, Rules, StateWord},
    window::{Counts, WindowState},
};

/// The settings and functions that the cell needs. Times are in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct TransitionContext<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) probes: &'a ProbePolicy,
    pub(crate) lease: u64,
    /// The length of the slow start; 0 for none.
    pub(crate) slow_start: u64,
    /// How long a row of cancelled calls must have lasted before it counts as failures.
    pub(crate) cancelled_row_time: u64,
    pub(crate) now: &'a dyn Fn() -> u64,
    /// The group that limits how many circuits are open.
    pub(crate) group: Option<&'a CircuitGroup>,
    /// Whether a rule or the open time needs the time at which a row of failures began.
    pub(crate) times_failure_rows: bool,
    /// The open time that the failure requests, if the settings honor it.
    pub(crate) requested_open_time: Option<u64>,
    /// Returns the open time, given the word that opens the circuit, the counts, and how long calls
    /// have been failing.
    pub(crate) open_for: &'a dyn Fn(StateWord, Counts, u64) -> u64,
}

/// A change of the state, and the counts that led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transition {
    /// The state before the change.
    pub(crate) from: State,
    pub(crate) word: StateWord,
    pub(crate) counts: Counts,
    /// The open time in microseconds, if the circuit opened. `u64::MAX`: until it is closed by
    /// hand.
    pub(crate) open_for: u64,
    /// When calls began to fail, if the circuit opened, or wasn't closed before. `None` if a mode
    /// determined its state.
    pub(crate) failing_since: Option<FailingSince>,
}

/// Whether the end of a call is recorded in a window.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WindowUse<'a> {
    /// No rule has a window.
    NoWindow,
    Record(&'a WindowState),
    /// The fast path has recorded the call already.
    AlreadyRecorded(&'a WindowState),
}

/// What the end of a call changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndEffect {
    /// The state is the same. The call may have been counted.
    Unchanged,
    /// The call's generation is over, so the call changed nothing.
    Stale,
    /// This call changed the state.
    Transitioned(Transition),
    /// A rule was met, but the circuit stays closed: it is in metrics-only mode, or its group
    /// allows no further open circuit.
    WouldOpen(Counts),
}
