//! When calls began to fail: one stamp per circuit, rewritten by each opening for its generation.
//!
//! A *row of failures* is a number of failures without a success in between.
//!
//! | state | time | written by |
//! |---|---|---|
//! | closed | the first failure of the row | the thread that records that failure, if a rule or the open time needs the time |
//! | open, half-open | the first failure of the row that opened the circuit | the thread of each opening |
//!
//! A closed circuit reads the stamp of its own generation, or of the next one: a thread that opens
//! the circuit writes the time before it changes the state word, and another call may change the
//! word first. While the circuit isn't closed, the generation in the stamp doesn't matter: the
//! first opening has written the time, and each reopening writes the same time again.
//!
//! A success leaves the stamp in place. The next row writes a later time, and a stamp only gets
//! later within a generation. So with racing threads, the recorded start of the row may be too
//! late, but never too early.

use super::stamp::Stamp;

/// Added to the circuit's time before it is stored: 2.2 years, in microseconds. So 0 means no time,
/// and a restored circuit can have been failing since before it was made.
const OFFSET: u64 = 1 << 46;

/// When calls began to fail, in microseconds since the circuit's epoch, plus [`OFFSET`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FailingSince(pub(super) u64);

impl FailingSince {
    pub(super) fn at(now: u64) -> Self {
        Self(now.saturating_add(OFFSET))
    }

    /// The start of calls that have been failing for `failing_for` at `now`. It is at most 2.2
    /// years before the circuit was made.
    pub(super) fn before(now: u64, failing_for: u64) -> Self {
        Self(now.saturating_add(OFFSET).saturating_sub(failing_for).max(1))
    }

    /// How long calls have been failing, in microseconds.
    pub(crate) fn elapsed(self, now: u64) -> u64 {
        now.saturating_add(OFFSET).saturating_sub(self.0)
    }
}

#[derive(Debug)]
pub(super) struct FailingStamp(Stamp);

impl FailingStamp {
    pub(super) fn new() -> Self {
        Self(Stamp::new())
    }

    pub(super) fn clear(&self) {
        self.0.clear();
    }

    pub(super) fn read(&self) -> u64 {
        self.0.read()
    }

    /// See [`Stamp::extend`].
    pub(super) fn extend(&self, before: u64, generation: u32, since: FailingSince) -> bool {
        self.0.extend(before, generation, since.0)
    }
}
