//! The error of an attempt or a request that exceeded a time limit.

use std::{error::Error, fmt, io, time::Duration};

/// An attempt, or the whole request, exceeded its time limit and was cancelled.
///
/// The caller receives it as the service's own error type, which must implement `From<Elapsed>`.
/// `io::Error`, boxed errors, and a `BreakerError` of one of these do.
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

    /// The limit that was exceeded: that of the attempt, or that of the whole request.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the limit is that of the whole request, which includes all attempts and waits.
    pub fn is_deadline(&self) -> bool {
        self.whole
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.whole { "request" } else { "attempt" };
        write!(f, "the {what} didn't finish within {:?}", self.limit)
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
