use crate::breaker::{
    transition::{Probing, Rules, Word},
    window::{Counts, Window},
};

/// What a cell goes by. Times are in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Going<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) probing: &'a Probing,
    pub(crate) lease: u64,
    /// 0 for no ramp.
    pub(crate) ramp: u64,
    /// For how long every call must have been dropped for dropped calls to count as failures.
    pub(crate) silence: u64,
    pub(crate) now: &'a dyn Fn() -> u64,
    /// Whether a rule or the open time needs the time at which a row of failures began.
    pub(crate) times_rows: bool,
    /// For how long the failure asks to open, if the open time goes by that.
    pub(crate) asked_for: Option<u64>,
    /// For how long to open, given the word that opens it, the counts, and for how long calls have
    /// been failing.
    pub(crate) open_for: &'a dyn Fn(Word, Counts, u64) -> u64,
}

/// A change of state, and what led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) word: Word,
    pub(crate) counts: Counts,
    /// For how long the circuit is open, in microseconds, if it has opened. `u64::MAX`: until it is
    /// closed by hand.
    pub(crate) open_for: u64,
}

/// Where a call is counted when it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counting<'a> {
    /// No rule has a window.
    Nowhere,
    In(&'a Window),
    /// It is in there already.
    Before(&'a Window),
}

/// What became of an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Counted, or nothing to count; the state stays.
    Stays,
    /// The call's generation is over; nothing changed.
    Late,
    /// This ending changed the state.
    Became(Transition),
    /// It would have, if the mode let it.
    WouldOpen(Counts),
}
