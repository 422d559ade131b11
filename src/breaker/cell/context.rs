use crate::breaker::{
    transition::{ProbePolicy, Rules, StateWord},
    window::{Counts, WindowState},
};

/// What a cell goes by. Times are in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct TransitionContext<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) probes: &'a ProbePolicy,
    pub(crate) lease: u64,
    /// 0 for no ramp.
    pub(crate) slow_start: u64,
    /// For how long every call must have been dropped for dropped calls to count as failures.
    pub(crate) cancelled_row_time: u64,
    pub(crate) now: &'a dyn Fn() -> u64,
    /// Whether a rule or the open time needs the time at which a row of failures began.
    pub(crate) times_failure_rows: bool,
    /// For how long the failure asks to open, if the open time goes by that.
    pub(crate) requested_open_time: Option<u64>,
    /// For how long to open, given the word that opens it, the counts, and for how long calls have
    /// been failing.
    pub(crate) open_for: &'a dyn Fn(StateWord, Counts, u64) -> u64,
}

/// A change of state, and what led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) word: StateWord,
    pub(crate) counts: Counts,
    /// For how long the circuit is open, in microseconds, if it has opened. `u64::MAX`: until it is
    /// closed by hand.
    pub(crate) open_for: u64,
}

/// Where a call is counted when it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WindowUse<'a> {
    /// No rule has a window.
    NoWindow,
    Record(&'a WindowState),
    /// It is in there already.
    AlreadyRecorded(&'a WindowState),
}

/// What became of an result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndEffect {
    /// Counted, or nothing to count; the state stays.
    Unchanged,
    /// The call's generation is over; nothing changed.
    Stale,
    /// This result changed the state.
    Transitioned(Transition),
    /// It would have, if the mode let it.
    WouldOpen(Counts),
}
