//! The outcome of the fast path.

/// What the fast path did with a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FastRecord {
    /// It recorded nothing: the slow path must record the call.
    NotRecorded,
    /// It recorded the call, and no rule has to be evaluated.
    Done,
    /// It recorded the call, but other calls failed in the meantime: the rules must be evaluated.
    NeedsEvaluation,
}
