//! What an outcome means.

use std::time::Duration;

/// What an outcome *means*. Made by a [`Classifier`](crate::Classifier).
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::Verdict;
///
/// let busy = Verdict::throttled().retry_after(Duration::from_secs(2));
/// assert!(busy.is_failure());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The call did what it was for.
    Success,
    /// It didn't.
    Failure(Failure),
    /// It says nothing about the health of what was called: neither a success nor a failure is counted, and nothing
    /// is retried.
    Neutral,
}

/// A failure: of which kind, and when the other side would have us back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    retry_after: Option<Duration>,
}

/// The kinds of failure that decisions differ on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// Another attempt may do better.
    Transient,
    /// The other side is there and asks for less.
    Throttled,
    /// No answer came in time.
    TimedOut,
    /// Another attempt would fail the same way.
    Permanent,
    /// A breaker further in rejected the call, so the service wasn't asked. Not retried, not counted by another
    /// breaker; a fallback is asked.
    Rejected,
}

impl Verdict {
    /// A failure that another attempt may mend.
    pub const fn transient() -> Self {
        Self::failure(FailureKind::Transient)
    }

    /// A failure that no other attempt will mend.
    pub const fn permanent() -> Self {
        Self::failure(FailureKind::Permanent)
    }

    /// The other side asks for fewer calls.
    pub const fn throttled() -> Self {
        Self::failure(FailureKind::Throttled)
    }

    /// No answer came in time.
    pub const fn timed_out() -> Self {
        Self::failure(FailureKind::TimedOut)
    }

    /// A breaker further in rejected the call, and says when to come back. The layers of this crate find this out by
    /// themselves; a classifier needs it where another task stands in between (`tower::buffer`).
    pub const fn rejected(retry_in: Option<Duration>) -> Self {
        Self::Failure(Failure { kind: FailureKind::Rejected, retry_after: retry_in })
    }

    /// A failure of a kind.
    pub const fn failure(kind: FailureKind) -> Self {
        Self::Failure(Failure { kind, retry_after: None })
    }

    /// The same verdict with the delay that the other side asked for. It refines a failure and never makes one:
    /// on a success or a neutral verdict it has no effect.
    pub const fn retry_after(self, delay: Duration) -> Self {
        match self {
            Self::Failure(Failure { kind, .. }) => Self::Failure(Failure { kind, retry_after: Some(delay) }),
            other => other,
        }
    }

    /// Whether it is a success.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Success)
    }

    /// Whether it is a failure of any kind.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failure(_))
    }
}

impl Failure {
    /// Its kind.
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The delay that the other side asked for, as it asked: not yet capped.
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
