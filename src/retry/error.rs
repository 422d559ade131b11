use std::{error::Error, fmt, time::Duration};

/// An attempt, or the whole request, took too long and was cut off.
///
/// What the caller gets for it is made by an [`Answer`](super::Answer).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed {
    limit: Duration,
    whole: bool,
}

impl Elapsed {
    pub(crate) fn attempt(limit: Duration) -> Self {
        Self { limit, whole: false }
    }

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
