//! Why an outcome is what it is, as the layer that returned it knows.

use std::{fmt, time::Duration};

/// Why the fallback was asked; said by the layer that let the failure through.
///
/// A retry tells why it stopped trying, a breaker that it rejected. Where neither is inside, the cause is
/// [`Cause::Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The service failed, and no layer further in had more to say.
    Failure,
    /// The failure was one that no other attempt mends.
    Permanent,
    /// All attempts were made.
    AttemptsSpent {
        /// How many.
        attempts: u32,
    },
    /// A breaker rejected the call; the service wasn't asked.
    Rejected {
        /// When a call may be admitted again. `None` if that can't be known.
        retry_in: Option<Duration>,
    },
    /// The retry budget was empty.
    Budget,
    /// The wait for the next attempt would have crossed the deadline, or the deadline passed.
    Deadline,
    /// The other side asked for a longer wait than is allowed.
    ServerDelay {
        /// What it asked for.
        asked: Duration,
    },
    /// The request couldn't be sent a second time.
    NotReplayable,
    /// The request may have been carried out, and to do so twice would be wrong.
    UnsafeToResend,
    /// Retrying was switched off.
    SwitchedOff,
    /// All retries of the ledger were made, over all keys.
    LedgerInAll {
        /// How many may be made.
        limit: u64,
    },
    /// All retries of this key were made.
    LedgerKey {
        /// How many may be made.
        limit: u32,
    },
}

impl Cause {
    /// Whether a breaker rejected the call, so that the service was never asked.
    pub const fn is_rejection(&self) -> bool {
        matches!(self, Self::Rejected { .. })
    }

    /// A word for it that doesn't change, for labels of metrics and fields of records: `attempts_spent`, `rejected`, ….
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Permanent => "permanent",
            Self::AttemptsSpent { .. } => "attempts_spent",
            Self::Rejected { .. } => "rejected",
            Self::Budget => "budget",
            Self::Deadline => "deadline",
            Self::ServerDelay { .. } => "server_delay",
            Self::NotReplayable => "not_replayable",
            Self::UnsafeToResend => "unsafe_to_resend",
            Self::SwitchedOff => "switched_off",
            Self::LedgerInAll { .. } => "ledger_in_all",
            Self::LedgerKey { .. } => "ledger_key",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure => f.write_str("the call failed"),
            Self::Permanent => f.write_str("the failure is permanent"),
            Self::AttemptsSpent { attempts: 1 } => f.write_str("the only attempt failed"),
            Self::AttemptsSpent { attempts } => write!(f, "all {attempts} attempts failed"),
            Self::Rejected { retry_in: Some(retry_in) } => {
                write!(f, "the circuit rejected the call; retry in {retry_in:?}")
            }
            Self::Rejected { retry_in: None } => f.write_str("the circuit rejected the call"),
            Self::Budget => f.write_str("the retry budget is empty"),
            Self::Deadline => f.write_str("the deadline is too close for another attempt"),
            Self::ServerDelay { asked } => write!(f, "the other side asked to wait {asked:?}, which is too long"),
            Self::NotReplayable => f.write_str("the request can't be sent again"),
            Self::UnsafeToResend => f.write_str("the request may have been carried out, and mustn't be sent again"),
            Self::SwitchedOff => f.write_str("retrying is switched off"),
            Self::LedgerInAll { limit } => write!(f, "all {limit} retries of the ledger were made"),
            Self::LedgerKey { limit } => write!(f, "all {limit} retries of the key were made"),
        }
    }
}
