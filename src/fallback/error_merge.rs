use std::fmt;

use super::FallbackError;
use crate::Cause;

/// Makes the error of a call that the primary failed: [`KeepBoth`], [`KeepPrimary`] or
/// [`MergeWith`].
pub trait MergeErrors<Err, BackupErr> {
    /// The error of the service with the fallback.
    type Error;

    /// The error if the backup wasn't called: the primary's.
    fn pass(error: Err) -> Self::Error;

    /// The error if both failed. `cause` is the reason why the backup was called.
    fn both(&self, primary: Err, backup: BackupErr, cause: Cause) -> Self::Error;
}

/// Keeps both errors in a [`FallbackError`]. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeepBoth;

impl<Err, BackupErr> MergeErrors<Err, BackupErr> for KeepBoth {
    type Error = FallbackError<Err, BackupErr>;

    fn pass(error: Err) -> Self::Error {
        FallbackError::Primary(error)
    }

    fn both(&self, primary: Err, backup: BackupErr, cause: Cause) -> Self::Error {
        FallbackError::Both { primary, backup, cause }
    }
}

/// Keeps the primary's error. See
/// [`FallbackLayer::keep_primary_error`](super::FallbackLayer::keep_primary_error).
#[derive(Debug, Clone, Copy, Default)]
pub struct KeepPrimary;

impl<Err, BackupErr> MergeErrors<Err, BackupErr> for KeepPrimary {
    type Error = Err;

    fn pass(error: Err) -> Err {
        error
    }

    fn both(&self, primary: Err, _: BackupErr, _: Cause) -> Err {
        primary
    }
}

/// Merges both errors into one of the primary's type, by a function. See
/// [`FallbackLayer::merge_errors`](super::FallbackLayer::merge_errors).
#[derive(Clone, Copy)]
pub struct MergeWith<F>(pub(super) F);

impl<F, Err, BackupErr> MergeErrors<Err, BackupErr> for MergeWith<F>
where
    F: Fn(Err, BackupErr) -> Err,
{
    type Error = Err;

    fn pass(error: Err) -> Err {
        error
    }

    fn both(&self, primary: Err, backup: BackupErr, _: Cause) -> Err {
        (self.0)(primary, backup)
    }
}

impl<F> fmt::Debug for MergeWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MergeWith(..)")
    }
}
