use std::{error::Error, fmt, time::Duration};

use super::{State, refused::Refused};
use crate::{Cause, Elapsed, Name, call_context::live_rejections::Counted};

/// The breaker's no: the call wasn't made. It knows when to come back.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    name: Name,
    refused: Refused,
    counted: Counted,
}

impl Rejection {
    pub(crate) fn new(name: Name, refused: Refused) -> Self {
        Self { name, refused, counted: Counted::new() }
    }

    /// The circuit's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The state that the circuit was in.
    pub fn state(&self) -> State {
        self.refused.state()
    }

    /// After which time a retry makes sense. `None` if that can't be known.
    ///
    /// - Open: what is left of the open time.
    /// - Half-open: 50 to 150 ms at random, or less if another probe is admitted before. A probe
    ///   may close the circuit at any moment, and callers that were rejected together must not come
    ///   back together.
    pub fn retry_in(&self) -> Option<Duration> {
        self.refused.retry_in()
    }

    #[inline]
    pub(crate) fn cause(&self) -> Cause {
        Cause::Rejected { retry_in: self.retry_in() }
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("name", &self.name)
            .field("state", &self.state())
            .field("retry_in", &self.retry_in())
            .finish()
    }
}

/// The circuit's name is escaped, and cut at 256 bytes.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state() {
            State::Closed => write!(f, "circuit `{}` admits only a share of the calls", self.name)?,
            state => write!(f, "circuit `{}` is {state}", self.name)?,
        }
        match self.retry_in() {
            Some(retry_in) => write!(f, "; retry in {:.1} s", retry_in.as_secs_f64()),
            None => Ok(()),
        }
    }
}

impl Error for Rejection {}

type BoxError = Box<dyn Error + Send + Sync>;

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
