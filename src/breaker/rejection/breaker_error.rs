use std::{error::Error, fmt};

use super::Rejection;
use crate::Elapsed;

/// The error of a service behind a breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BreakerError<E> {
    /// The breaker rejected the call; the service wasn't asked.
    Rejected(Rejection),
    /// The service's own error.
    Inner(E),
}

impl<E> BreakerError<E> {
    /// The rejection, if it is one.
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Inner(_) => None,
        }
    }

    /// The service's own error, if it is one.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Rejected(_) => None,
            Self::Inner(error) => Some(error),
        }
    }
}

impl<E: Into<BoxError>> BreakerError<E> {
    /// As tower's boxed error: for a `BreakerError<BoxError>`, which is no `Error` itself, as a boxed error isn't. Layers that ask
    /// for `Into<BoxError>` take the service after `.map_err(BreakerError::into_boxed)`.
    pub fn into_boxed(self) -> BoxError {
        match self {
            Self::Rejected(rejection) => Box::new(rejection),
            Self::Inner(error) => error.into(),
        }
    }
}

/// So that the time-outs of a retry around the breaker need no answer of their own.
impl<E: From<Elapsed>> From<Elapsed> for BreakerError<E> {
    fn from(elapsed: Elapsed) -> Self {
        Self::Inner(elapsed.into())
    }
}

impl<E: fmt::Display> fmt::Display for BreakerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(_) => f.write_str("the call was rejected"),
            Self::Inner(_) => f.write_str("the call failed"),
        }
    }
}

impl<E: Error + 'static> Error for BreakerError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Inner(error) => Some(error),
        }
    }
}

type BoxError = Box<dyn Error + Send + Sync>;
