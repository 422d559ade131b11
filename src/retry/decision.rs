use std::{fmt, time::Duration};

use super::Spent;
use crate::Cause;

/// What to do about an outcome, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Return it to the caller.
    Return(Reason),
    /// Let it go, wait, and try again.
    Retry {
        /// How long to wait first.
        delay: Duration,
        /// Why another attempt is worth it.
        reason: Reason,
    },
    /// Let it go and send the request again at once, as the same attempt: it was refused before anything was done with it.
    Resend,
    /// Wait out a breaker's rejection, and then send the request again as the same attempt: the call wasn't made.
    WaitOut {
        /// The time to wait.
        delay: Duration,
    },
}

/// Why a [`Decision`] is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It succeeded.
    Success,
    /// It is neither a success nor a failure.
    Neutral,
    /// It failed in a way that another attempt may mend.
    Transient,
    /// A breaker further in rejected the call.
    Rejected {
        /// When the circuit may admit a call again.
        retry_in: Option<Duration>,
    },
    /// It failed in a way that no other attempt mends.
    Permanent,
    /// All attempts were made.
    AttemptsSpent {
        /// How many.
        attempts: u32,
    },
    /// The other side asked for a longer wait than is allowed.
    ServerDelay {
        /// What it asked for.
        asked: Duration,
    },
    /// The request can't be sent again.
    NotReplayable,
    /// The wait would have crossed the deadline, or the deadline has passed.
    Deadline,
    /// The budget is empty.
    Budget,
    /// The request may have been carried out, and to do so twice would be wrong.
    UnsafeToResend,
    /// Retrying is switched off.
    SwitchedOff,
    /// The [ledger](super::Ledger) allows no more retries, of this key or in all.
    Ledger(Spent),
}

impl Reason {
    /// What a fallback is told, when this is why a failure was returned. `None` if it wasn't one.
    pub fn cause(&self) -> Option<Cause> {
        match *self {
            Self::Success | Self::Neutral => None,
            Self::Transient => Some(Cause::Failure),
            Self::Rejected { retry_in } => Some(Cause::Rejected { retry_in }),
            Self::Permanent => Some(Cause::Permanent),
            Self::AttemptsSpent { attempts } => Some(Cause::AttemptsSpent { attempts }),
            Self::ServerDelay { asked } => Some(Cause::ServerDelay { asked }),
            Self::Deadline => Some(Cause::Deadline),
            Self::NotReplayable => Some(Cause::NotReplayable),
            Self::Budget => Some(Cause::Budget),
            Self::UnsafeToResend => Some(Cause::UnsafeToResend),
            Self::SwitchedOff => Some(Cause::SwitchedOff),
            Self::Ledger(spent) => Some(spent.cause()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("it succeeded"),
            Self::Neutral => f.write_str("it is neither a success nor a failure"),
            other => match other.cause() {
                Some(cause) => cause.fmt(f),
                None => Ok(()),
            },
        }
    }
}
