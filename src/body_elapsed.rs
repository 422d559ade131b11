//! The error of a response body that exceeded a time limit.

use std::{error::Error, fmt, time::Duration};

/// A response body exceeded a limit of a [`BodyTimeoutLayer`](crate::http::BodyTimeoutLayer), and
/// was cut off.
///
/// The consumer of the body receives it as a boxed error:
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::http::body_timeout::{BodyElapsed, BodyLimit};
///
/// fn is_idle(error: &(dyn std::error::Error + 'static)) -> bool {
///     error.downcast_ref::<BodyElapsed>().is_some_and(|elapsed| elapsed.kind() == BodyLimit::Idle)
/// }
/// # let _ = is_idle;
/// ```
///
/// [`ErrorClassifier`](crate::classify::ErrorClassifier) and the classifiers of `http` and `grpc`
/// classify it as timed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyElapsed {
    kind: BodyLimit,
    limit: Duration,
}

/// A time limit of a response body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyLimit {
    /// The longest wait for one frame.
    Idle,
    /// The longest time from the response's head to the end of the body.
    Total,
}

impl BodyElapsed {
    pub(crate) const fn new(kind: BodyLimit, limit: Duration) -> Self {
        Self { kind, limit }
    }

    /// Which limit was exceeded.
    pub const fn kind(&self) -> BodyLimit {
        self.kind
    }

    /// The configured limit.
    pub const fn limit(&self) -> Duration {
        self.limit
    }
}

impl fmt::Display for BodyElapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            BodyLimit::Idle => write!(f, "the response body was idle for {:?}, its idle limit", self.limit),
            BodyLimit::Total => write!(f, "the response body did not end within {:?}, its total limit", self.limit),
        }
    }
}

impl Error for BodyElapsed {}
