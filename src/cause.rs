//! Why a call failed, as the layer that returned the failure reports it.

use std::{fmt, time::Duration};

use crate::time::ShownTime;

/// Why a call failed, or why a retry or fallback was needed. The layer that returns the failure
/// sets it: a retry reports why it stopped, a breaker that it rejected the call. If no inner layer
/// reports a cause, it is [`Cause::Failure`].
///
/// A fallback passes the cause to its backup ([`PrimaryFailure`](crate::fallback::PrimaryFailure)),
/// and events contain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The call failed, and no inner layer reported a cause.
    Failure,
    /// The failure is permanent: another attempt would fail in the same way.
    Permanent,
    /// All attempts were made and failed.
    AttemptsExhausted {
        /// The number of attempts.
        attempts: u32,
    },
    /// A breaker rejected the call. The service wasn't called.
    Rejected {
        /// When a call may be admitted again. `None` if that isn't known.
        retry_in: Option<Duration>,
    },
    /// The call failed, and a breaker rejected the next attempt. The service was called, and the
    /// result is the failure of that call; see `RetryConfig::on_rejected_retry`.
    RetryRejected {
        /// When a call may be admitted again. `None` if that isn't known.
        retry_in: Option<Duration>,
    },
    /// The retry budget had no token for another attempt.
    Budget,
    /// The deadline has passed, or the wait before the next attempt would have crossed it.
    Deadline,
    /// The server asked for a longer delay than the configuration allows.
    RetryAfterTooLong {
        /// The delay that the server asked for.
        requested: Duration,
    },
    /// The request can't be sent again, because not enough of it was kept.
    NotReplayable,
    /// The request may have been processed, and processing it twice could do harm.
    UnsafeToResend,
    /// Retries are disabled by the switch.
    RetriesDisabled,
    /// The limit of a quota over all keys was reached.
    TotalQuota {
        /// The number of retries that the quota allows over all keys.
        limit: u64,
    },
    /// The limit of a quota for this key was reached.
    KeyQuota {
        /// The number of retries that the quota allows per key.
        limit: u32,
    },
    /// The reason of an override or of a custom policy, such as `locked`; see
    /// `retry::Override::Return`.
    Custom(&'static str),
}

impl Cause {
    /// Whether a breaker rejected the call, so that the service wasn't called.
    pub const fn is_rejection(&self) -> bool {
        matches!(self, Self::Rejected { .. })
    }

    /// A stable name for metric labels and structured records: `attempts_exhausted`, `rejected`, ….
    /// For [`Custom`](Self::Custom), it is the custom reason.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Permanent => "permanent",
            Self::AttemptsExhausted { .. } => "attempts_exhausted",
            Self::Rejected { .. } => "rejected",
            Self::RetryRejected { .. } => "retry_rejected",
            Self::Budget => "budget",
            Self::Deadline => "deadline",
            Self::RetryAfterTooLong { .. } => "retry_after_too_long",
            Self::NotReplayable => "not_replayable",
            Self::UnsafeToResend => "unsafe_to_resend",
            Self::RetriesDisabled => "retries_disabled",
            Self::TotalQuota { .. } => "total_quota",
            Self::KeyQuota { .. } => "key_quota",
            Self::Custom(reason) => reason,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure => f.write_str("the call failed"),
            Self::Permanent => f.write_str("the failure is permanent"),
            Self::AttemptsExhausted { attempts: 1 } => f.write_str("the only attempt failed"),
            Self::AttemptsExhausted { attempts } => write!(f, "all {attempts} attempts failed"),
            Self::Rejected { retry_in: Some(retry_in) } => {
                write!(f, "the circuit rejected the call, and may admit one in {}", ShownTime(*retry_in))
            }
            Self::Rejected { retry_in: None } => f.write_str("the circuit rejected the call"),
            Self::RetryRejected { retry_in: Some(retry_in) } => {
                write!(f, "the circuit rejected the next attempt, and may admit one in {}", ShownTime(*retry_in))
            }
            Self::RetryRejected { retry_in: None } => f.write_str("the circuit rejected the next attempt"),
            Self::Budget => f.write_str("the retry budget is empty"),
            Self::Deadline => f.write_str("the deadline leaves no time for another attempt"),
            Self::RetryAfterTooLong { requested } => {
                let requested = ShownTime(*requested);
                write!(f, "the server asked for a delay of {requested}, which is longer than allowed")
            }
            Self::NotReplayable => f.write_str("the request can't be sent again"),
            Self::UnsafeToResend => {
                f.write_str("the request may have been processed, and isn't known to be safe to send again")
            }
            Self::RetriesDisabled => f.write_str("retries are disabled"),
            Self::TotalQuota { limit } => write!(f, "the limit of {limit} retries over all keys is reached"),
            Self::KeyQuota { limit } => write!(f, "the limit of {limit} retries for this key is reached"),
            Self::Custom(reason) => write!(f, "the retry policy's own reason: {reason}"),
        }
    }
}
