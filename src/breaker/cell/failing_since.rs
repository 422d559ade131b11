//! FailingSince when calls have been failing: one stamp, which each opening passes on.
//!
//! | state | time | written by |
//! |---|---|---|
//! | closed | the first failure of the row | that failure, if a rule or the open time needs it |
//! | open, half-open | the first failure of the row that opened the circuit | each opening |
//!
//! A closed circuit reads the stamp of its own generation, or of the next one: a thread that opens
//! the circuit writes the time before it changes the word, and may lose the word to another result.
//! While the circuit isn't closed, the tag doesn't matter: the first opening has written the time,
//! and each reopening writes the same time again.
//!
//! A success leaves the stamp in place. The next row writes a later time, and a stamp only gets
//! later within a generation. So threads that race may make the row look younger than it is, but
//! never older.

use super::stamp::Stamp;

/// Stored times are later than the circuit's by this much (2.2 years), in microseconds. So 0 is no
/// time, and a circuit can have been failing since before it was made: one that was restored.
const OFFSET: u64 = 1 << 46;

/// When calls began to fail, in microseconds since the circuit's epoch, plus [`OFFSET`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FailingSince(pub(super) u64);

impl FailingSince {
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

    /// As [`Stamp::extend`].
    pub(super) fn extend(&self, before: u64, generation: u32, since: FailingSince) -> bool {
        self.0.extend(before, generation, since.0)
    }
}
