use std::fmt;

use super::FallbackError;
use crate::Cause;

/// What a fallback returns when there is no answer: [`Both`] or [`Joined`].
pub trait OnFailure<Err, E> {
    /// The error of the service with the fallback.
    type Error;

    /// The primary's error; the backup wasn't asked.
    fn pass(error: Err) -> Self::Error;

    /// The primary failed, and so did the backup.
    fn both(&self, primary: Err, backup: E, cause: Cause) -> Self::Error;
}

/// A [`FallbackError`], with both errors in it. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Both;

impl<Err, E> OnFailure<Err, E> for Both {
    type Error = FallbackError<Err, E>;

    fn pass(error: Err) -> Self::Error {
        FallbackError::Primary(error)
    }

    fn both(&self, primary: Err, backup: E, cause: Cause) -> Self::Error {
        FallbackError::Both { primary, backup, cause }
    }
}

/// One error, made of both by a function; the error type stays the primary's. See
/// [`FallbackLayer::join_errors`](super::FallbackLayer::join_errors).
#[derive(Clone, Copy)]
pub struct Joined<F>(pub(super) F);

impl<F, Err, E> OnFailure<Err, E> for Joined<F>
where
    F: Fn(Err, E) -> Err,
{
    type Error = Err;

    fn pass(error: Err) -> Err {
        error
    }

    fn both(&self, primary: Err, backup: E, _: Cause) -> Err {
        (self.0)(primary, backup)
    }
}

impl<F> fmt::Debug for Joined<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one error of both")
    }
}
