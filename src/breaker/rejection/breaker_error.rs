use std::{error::Error, fmt};

use super::Rejection;
use crate::{
    Elapsed,
    boxed_error::{IntoBoxError, WrapBoxError},
};

/// The error of a service behind a breaker.
///
/// It displays the rejection, or the service's own error, without text of its own: `circuit
/// `payments` is open; retry in 1.5 s`, `connection refused`. The displayed error is also the
/// [`source`](Error::source), as in the errors of `tower::buffer`, so that code which follows the
/// sources finds it. A report of the whole chain (anyhow, eyre) therefore shows that text twice.
/// [`into_boxed`](Self::into_boxed) avoids this: it returns the inner error itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakerError<Err> {
    /// The breaker rejected the call without calling the service.
    Rejected(Rejection),
    /// The service's own error.
    Inner(Err),
}

impl<Err> BreakerError<Err> {
    /// Returns the rejection, if the breaker rejected the call.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Inner(_) => None,
        }
    }

    /// Returns the service's own error, if the breaker didn't reject the call.
    pub fn into_inner(self) -> Option<Err> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }
}

impl<Err: From<Rejection>> BreakerError<Err> {
    /// Converts into the service's own error type, which can hold a rejection. It does for
    /// [`Circuit::call`](crate::Circuit::call) and
    /// [`Circuit::call_blocking`](crate::Circuit::call_blocking) what
    /// [`BreakerLayer::keep_error`](crate::BreakerLayer::keep_error) does for a layer.
    ///
    /// ```
    /// use std::io;
    /// use tower_recourse::{BreakerConfig, BreakerError, Circuit};
    ///
    /// fn read(circuit: &Circuit) -> io::Result<String> {
    ///     circuit.call_blocking(|| std::fs::read_to_string("/dev/null")).map_err(BreakerError::flatten)
    /// }
    ///
    /// assert_eq!(read(&Circuit::new(BreakerConfig::default())).unwrap(), "");
    /// ```
    pub fn flatten(self) -> Err {
        match self {
            Self::Rejected(rejection) => rejection.into(),
            Self::Inner(error) => error,
        }
    }
}

impl<Err> BreakerError<Err> {
    /// Converts into tower's boxed error: the rejection, or the inner error.
    ///
    /// `BreakerError<BoxError>` implements neither `Error`, because a boxed error doesn't, nor
    /// `Into<BoxError>`, because Rust forbids an implementation beside the standard library's. So
    /// `?` doesn't convert it, and `load_shed`, `timeout` and `buffer` of tower don't accept it.
    /// [`BreakerLayer::keep_error`](crate::BreakerLayer::keep_error) avoids this type. Elsewhere,
    /// use `.map_err(BreakerError::into_boxed)`, or around a fallback
    /// [`FallbackError::into_boxed`](crate::FallbackError::into_boxed).
    pub fn into_boxed<Kind>(self) -> BoxError
    where
        Err: IntoBoxError<Kind>,
    {
        match self {
            Self::Rejected(rejection) => Box::new(rejection),
            Self::Inner(error) => error.into_box_error(),
        }
    }
}

impl WrapBoxError for BreakerError<BoxError> {
    fn unwrap_boxed(self) -> BoxError {
        self.into_boxed()
    }
}

impl<Err: WrapBoxError> WrapBoxError for BreakerError<Err> {
    fn unwrap_boxed(self) -> BoxError {
        self.into_boxed()
    }
}

/// Lets a retry with timeouts around the breaker convert its timeout errors without a custom
/// function.
impl<Err: From<Elapsed>> From<Elapsed> for BreakerError<Err> {
    fn from(elapsed: Elapsed) -> Self {
        Self::Inner(elapsed.into())
    }
}

impl<Err: fmt::Display> fmt::Display for BreakerError<Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(rejection) => rejection.fmt(f),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<Err: Error + 'static> Error for BreakerError<Err> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Inner(error) => Some(error),
        }
    }
}

type BoxError = Box<dyn Error + Send + Sync>;
