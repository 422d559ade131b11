//! The error of what took too long.

use std::{error::Error, fmt, io, time::Duration};

/// An attempt, or the whole request, took too long and was cut off.
///
/// The caller gets it as the service's own error type, where that is `From<Elapsed>`: `io::Error`, boxed errors, and a
/// `BreakerError` of one of these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed {
    limit: Duration,
    whole: bool,
}

impl Elapsed {
    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn attempt(limit: Duration) -> Self {
        Self { limit, whole: false }
    }

    #[cfg_attr(not(feature = "retry"), allow(dead_code))]
    pub(crate) fn request(limit: Duration) -> Self {
        Self { limit, whole: true }
    }

    /// The limit that was reached: of the attempt, or of the whole request.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether it was the limit of the whole request, attempts and waits together.
    pub fn is_deadline(&self) -> bool {
        self.whole
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.whole { "request" } else { "attempt" };
        write!(f, "no answer within the {what}'s {:?}", self.limit)
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
