use std::{error::Error, fmt, io, time::Duration};

use super::packed_rejection::PackedRejection;
use crate::{Cause, Name, State, call_context::live_rejections::Counted};

/// The rejection of a call: the breaker didn't call the service. Contains the time after which a
/// retry makes sense.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    name: Name,
    rejection: PackedRejection,
    counted: Counted,
}

impl Rejection {
    pub(crate) fn new(name: Name, rejection: PackedRejection) -> Self {
        Self { name, rejection, counted: Counted::new() }
    }

    /// Returns the circuit's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns the state of the circuit at the rejection. `Closed` if the circuit admits only a
    /// share of the calls.
    pub fn state(&self) -> State {
        self.rejection.state()
    }

    /// Returns the time after which a retry makes sense, or `None` if that is unknown.
    ///
    /// - Open: the rest of the open time.
    /// - Half-open: 50 to 150 ms at random, or less if the next probe is admitted earlier. The time
    ///   is short, because a probe may close the circuit at any moment. It is random, so that
    ///   callers that were rejected together don't return together.
    pub fn retry_in(&self) -> Option<Duration> {
        self.rejection.retry_in()
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
            // Not `0.0 s`, which reads as a request to call again at once.
            Some(retry_in) => write!(f, "; retry in {:.1} s", retry_in.as_secs_f64().max(0.1)),
            None => Ok(()),
        }
    }
}

impl Error for Rejection {}

/// The kind is [`Other`](io::ErrorKind::Other), because no other kind states that the service
/// wasn't called. `get_ref` returns the rejection.
impl From<Rejection> for io::Error {
    fn from(rejection: Rejection) -> Self {
        Self::other(rejection)
    }
}
