use crate::Cause;

/// The failure of the primary, as the backup receives it.
#[derive(Debug)]
pub struct PrimaryFailure<'a, Res, Err> {
    /// Why the backup is called.
    pub cause: Cause,
    /// The primary's result: an error, or a response that was classified as a failure.
    pub outcome: Result<&'a Res, &'a Err>,
}

/// Answers when the primary has failed: another service, a value, or a function.
///
/// A call whose primary has failed uses its own clone of the backup, so calls don't queue behind
/// each other.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't stand in for a service that answers `{Req}` with `{Res}`",
    label = "not a backup for this service",
    note = "a backup service takes the same request type, which must be `Clone`, and returns the same response type",
    note = "a request with a streaming body becomes `Clone` by `http::Replay::cloneable` (feature `http`)",
    note = "`FallbackLayer::value` and `FallbackLayer::from_fn` need no copy of the request"
)]
pub trait Backup<Req, Res, Err> {
    /// The part of a request that the backup needs. `()` if its answer doesn't depend on it.
    type Stored;
    /// The backup's error. Events contain its text, if this crate knows its type.
    type Error: 'static;
    /// The backup's answer.
    type Future: Future<Output = Result<Res, Self::Error>>;

    /// Copies what the backup needs from the request. Called before each call of the primary.
    fn store(&self, request: &Req) -> Self::Stored;

    /// Answers the request.
    fn answer(self, kept: Self::Stored, failed: PrimaryFailure<'_, Res, Err>) -> Self::Future;
}
