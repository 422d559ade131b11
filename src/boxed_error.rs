//! The conversion of the layers' errors into tower's boxed error.

use std::error::Error;

type BoxError = Box<dyn Error + Send + Sync>;

/// Converts an error into a `Box<dyn Error + Send + Sync>`. Implemented for every `Into<BoxError>`,
/// and for a `BreakerError` or `FallbackError` around a boxed error.
///
/// [`BreakerError::into_boxed`](crate::BreakerError::into_boxed) and
/// [`FallbackError::into_boxed`](crate::FallbackError::into_boxed) need it. A generic function that
/// calls them needs only the bound `S::Error: Into<BoxError>`.
// A `BreakerError<BoxError>` can't implement `Into<BoxError>`: the implementation would conflict
// with the one for all errors, because std may implement `Error` for `Box<dyn Error>` later.
// `Kind` separates the two implementations, and the compiler infers it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be converted into a `Box<dyn Error + Send + Sync>`",
    label = "this error isn't `Into<Box<dyn Error + Send + Sync>>`",
    note = "implement `std::error::Error` for it; it must also be `Send`, `Sync` and `'static`"
)]
pub trait IntoBoxError<Kind> {
    /// Returns the error in a box.
    fn into_box_error(self) -> BoxError;
}

/// The kind of an error that is `Into<BoxError>`.
#[derive(Debug, Clone, Copy)]
pub struct ByInto;

impl<Err: Into<BoxError>> IntoBoxError<ByInto> for Err {
    fn into_box_error(self) -> BoxError {
        self.into()
    }
}

/// The kind of a layer's error around a boxed error.
#[derive(Debug, Clone, Copy)]
pub struct AroundBoxError;

impl<Err: WrapBoxError> IntoBoxError<AroundBoxError> for Err {
    fn into_box_error(self) -> BoxError {
        self.unwrap_boxed()
    }
}

/// A layer's error around a boxed error. It doesn't implement `Error`, because a boxed error
/// doesn't.
pub trait WrapBoxError {
    /// Returns the error in a box.
    fn unwrap_boxed(self) -> BoxError;
}
