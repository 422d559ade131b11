//! Since when calls have been failing: one stamp, which each opening passes on.
//!
//! | state | time | written by |
//! |---|---|---|
//! | closed | the first failure of the row | that failure, if a rule or the open time needs it |
//! | open, half-open | the first failure of the row that opened the circuit | each opening |
//!
//! A closed circuit reads the stamp of its own generation, or of the next one: a thread that opens
//! the circuit writes the time before it changes the word, and may lose the word to another ending.
//! While the circuit isn't closed, the tag doesn't matter: the first opening has written the time,
//! and each reopening writes the same time again.
//!
//! A success leaves the stamp in place. The next row writes a later time, and a stamp only gets
//! later within a generation. So threads that race may make the row look younger than it is, but
//! never older.

use super::{context::Going, stamp::Stamp, state_cell::Cell, step::Before};
use crate::breaker::{
    state::State,
    transition::{Ending, Phase, Word},
};

/// Stored times are later than the circuit's by this much (2.2 years), in microseconds. So 0 is no
/// time, and a circuit can have been failing since before it was made: one that was restored.
const OFFSET: u64 = 1 << 46;

/// When calls began to fail, in microseconds since the circuit's epoch, plus [`OFFSET`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since(u64);

impl Since {
    pub(super) fn at(now: u64) -> Self {
        Self(now.saturating_add(OFFSET))
    }

    /// Failing for so long at `now`. More than 2.2 years before the circuit was made is no longer
    /// than 2.2 years.
    pub(super) fn before(now: u64, failing_for: u64) -> Self {
        Self(now.saturating_add(OFFSET).saturating_sub(failing_for).max(1))
    }

    /// How long calls have been failing, in microseconds.
    pub(crate) fn elapsed(self, now: u64) -> u64 {
        now.saturating_add(OFFSET).saturating_sub(self.0)
    }
}

#[derive(Debug)]
pub(super) struct FailingSince(Stamp);

impl FailingSince {
    pub(super) fn new() -> Self {
        Self(Stamp::new())
    }

    pub(super) fn clear(&self) {
        self.0.clear();
    }

    pub(super) fn read(&self) -> u64 {
        self.0.read()
    }

    /// As [`Stamp::extend`].
    pub(super) fn extend(&self, before: u64, generation: u32, since: Since) -> bool {
        self.0.extend(before, generation, since.0)
    }
}

/// The row of failures that an ending belongs to, as far as a rule or the open time needs its time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    /// When its first failure ended.
    pub(super) since: Option<Since>,
    /// For how long it has lasted at the end of a failed or dropped call, in microseconds.
    pub(super) lasted: u64,
    /// This failure is the first, so its time must be written.
    pub(super) begins: bool,
}

impl Cell {
    pub(super) fn row(&self, before: Before, word: Word, ending: Ending, going: Going<'_>) -> Row {
        let Phase::Closed { failures_in_a_row, .. } = word.phase else { return Row::default() };
        if !going.times_rows {
            return Row::default();
        }
        let began = || row_began(before.failing, word).filter(|_| failures_in_a_row > 0);
        match ending {
            Ending::Failure => {
                let now = (going.now)();
                let began = began();
                let since = began.unwrap_or(Since::at(now));
                Row { since: Some(since), lasted: since.elapsed(now), begins: began.is_none() }
            }
            // Dropped calls have a row of their own.
            Ending::Dropped => {
                let now = (going.now)();
                let since = Since::at(self.lease_until.of(word.generation).unwrap_or(now));
                Row { since: Some(since), lasted: since.elapsed(now), begins: false }
            }
            Ending::Slow => Row { since: began(), ..Row::default() },
            Ending::Success | Ending::Neutral | Ending::Neither => Row::default(),
        }
    }

    /// Since when a circuit has been failing that isn't closed.
    pub(super) fn carried_on(&self, before: Before, word: Word) -> Option<Since> {
        carried_on(before.failing).filter(|_| word.state() != State::Closed)
    }

    /// Makes the row of failures of a closed circuit begin now, for settings that need its time
    /// where the former ones didn't.
    pub(crate) fn begin_row(&self, now: u64) {
        loop {
            let before = self.failing_since.read();
            let word = self.load();
            let is_closed = matches!(word.phase, Phase::Closed { .. });
            if !is_closed || self.failing_since.extend(before, word.generation, Since::at(now)) {
                return;
            }
        }
    }

    /// Since when calls have been failing, if the circuit isn't closed.
    pub(crate) fn failing_since(&self) -> Option<Since> {
        carried_on(self.failing_since.read())
    }
}

/// When the row of failures of a closed generation began, if that was written.
fn row_began(stamp: u64, word: Word) -> Option<Since> {
    let time = Stamp::time(stamp, word.generation).or_else(|| Stamp::time(stamp, word.next_generation()));
    time.filter(|_| stamp != Stamp::NONE).map(Since)
}

/// Since when a circuit has been failing that isn't closed.
fn carried_on(stamp: u64) -> Option<Since> {
    (stamp != Stamp::NONE).then(|| Since(Stamp::any_time(stamp)))
}
