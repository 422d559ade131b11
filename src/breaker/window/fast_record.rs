/// What a window alone has done about a good call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FastRecord {
    /// Nothing: it takes more than the window.
    NotRecorded,
    /// Counted it, and there is nothing that it could change.
    Done,
    /// Counted it, but others have failed meanwhile: the circuit is to be asked what they come to together.
    NeedsEvaluation,
}
