//! What a policy decides, and why.

use std::{fmt, time::Duration};

use super::QuotaExceeded;
use crate::Cause;

/// What to do after an outcome, and why. A [`Policy`](super::Policy) makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Return the outcome to the caller.
    Return(DecisionReason),
    /// Discard the outcome, wait, and make another attempt.
    Retry {
        /// The time to wait before the attempt. Zero: none.
        delay: Duration,
        /// Why another attempt makes sense.
        reason: DecisionReason,
    },
    /// Discard the outcome and send the request again at once, as the same attempt: the peer
    /// didn't process any part of it.
    TransparentRetry,
    /// Discard a breaker's rejection, wait, and send the request again as the same attempt: the
    /// call wasn't made.
    WaitOut {
        /// The time to wait before the attempt.
        delay: Duration,
    },
}

/// The reason for a [`Decision`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecisionReason {
    /// The attempt succeeded.
    Success,
    /// The outcome is neither a success nor a failure.
    Neutral,
    /// The attempt failed, and another one may succeed.
    Transient,
    /// An inner breaker rejected the call.
    Rejected {
        /// The time until the circuit may admit a call. `None` if it isn't known.
        retry_in: Option<Duration>,
    },
    /// The attempt failed, and any other would fail in the same way.
    Permanent,
    /// The number of attempts is used up.
    AttemptsExhausted {
        /// The number of attempts that were made.
        attempts: u32,
    },
    /// The server requested a longer delay than is allowed.
    RetryAfterTooLong {
        /// The delay that it requested.
        requested: Duration,
    },
    /// The request can't be sent again.
    NotReplayable,
    /// The delay would cross the deadline, or the deadline has passed.
    Deadline,
    /// The budget has no token for another attempt.
    Budget,
    /// The request may have been processed, and it isn't known to be idempotent.
    UnsafeToResend,
    /// The [`RetrySwitch`](super::RetrySwitch) is off.
    RetriesDisabled,
    /// The [quota](super::RetryQuota) allows no more retries, for the request's key or in total.
    Quota(QuotaExceeded),
    /// The reason of an [override](super::overrides), or of your own policy: a short word, such as
    /// `locked`.
    Custom(&'static str),
}

impl DecisionReason {
    /// The reason as the [`Cause`] that a fallback gets if the failure is returned. `None` for
    /// [`Success`](Self::Success) and [`Neutral`](Self::Neutral), which aren't failures.
    pub fn cause(&self) -> Option<Cause> {
        match *self {
            Self::Success | Self::Neutral => None,
            Self::Transient => Some(Cause::Failure),
            Self::Rejected { retry_in } => Some(Cause::Rejected { retry_in }),
            Self::Permanent => Some(Cause::Permanent),
            Self::AttemptsExhausted { attempts } => Some(Cause::AttemptsExhausted { attempts }),
            Self::RetryAfterTooLong { requested } => Some(Cause::RetryAfterTooLong { requested }),
            Self::Deadline => Some(Cause::Deadline),
            Self::NotReplayable => Some(Cause::NotReplayable),
            Self::Budget => Some(Cause::Budget),
            Self::UnsafeToResend => Some(Cause::UnsafeToResend),
            Self::RetriesDisabled => Some(Cause::RetriesDisabled),
            Self::Quota(spent) => Some(spent.cause()),
            Self::Custom(reason) => Some(Cause::Custom(reason)),
        }
    }
}

impl fmt::Display for DecisionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("the attempt succeeded"),
            Self::Neutral => f.write_str("the outcome is neither a success nor a failure"),
            other => match other.cause() {
                Some(cause) => cause.fmt(f),
                None => Ok(()),
            },
        }
    }
}
