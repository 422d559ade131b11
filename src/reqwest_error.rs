//! The error of a stack around reqwest's client.

use std::{error::Error as StdError, fmt};

use crate::{BreakerError, Elapsed, Rejection};

/// The error of a stack around a `reqwest::Client`: reqwest's error, an attempt that exceeded its
/// time limit, or a call that a breaker rejected.
///
/// `reqwest::Error` can't be constructed outside of reqwest. So the stack needs an error type of
/// its own for [`Timeouts`](crate::retry::Timeouts) and for rejections: set
/// `.map_err(Error::Client)` around the client, and `.map_err(Error::flatten)` around the breaker.
///
/// Its text is that of the error inside, which is also the [`source`](StdError::source).
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// reqwest's error.
    Client(::reqwest::Error),
    /// A time limit of the retry.
    TimedOut(Elapsed),
    /// A breaker rejected the call without sending a request.
    Rejected(Rejection),
}

impl Error {
    /// Converts the error of a breaker around a service with this error type.
    pub fn flatten(error: BreakerError<Self>) -> Self {
        error.into()
    }

    /// Returns reqwest's error.
    pub fn as_client(&self) -> Option<&::reqwest::Error> {
        match self {
            Self::Client(error) => Some(error),
            Self::TimedOut(_) | Self::Rejected(_) => None,
        }
    }

    /// Whether a time limit was exceeded: one of the retry, or one of reqwest's client.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Client(error) => error.is_timeout(),
            Self::TimedOut(_) => true,
            Self::Rejected(_) => false,
        }
    }

    /// Returns the rejection, if a breaker rejected the call.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Client(_) | Self::TimedOut(_) => None,
        }
    }
}

impl From<::reqwest::Error> for Error {
    fn from(error: ::reqwest::Error) -> Self {
        Self::Client(error)
    }
}

impl From<Elapsed> for Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::TimedOut(elapsed)
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// The error of a breaker around reqwest's client, or around a service with this error type.
impl<Err: Into<Error>> From<BreakerError<Err>> for Error {
    fn from(error: BreakerError<Err>) -> Self {
        match error {
            BreakerError::Rejected(rejection) => Self::Rejected(rejection),
            BreakerError::Inner(error) => error.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => error.fmt(f),
            Self::TimedOut(elapsed) => elapsed.fmt(f),
            Self::Rejected(rejection) => rejection.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(match self {
            Self::Client(error) => error,
            Self::TimedOut(elapsed) => elapsed,
            Self::Rejected(rejection) => rejection,
        })
    }
}
