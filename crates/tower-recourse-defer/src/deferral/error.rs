use std::{error::Error, fmt};

use tower_recourse::Cause;

use crate::{DeadReason, QueueError, codec::CodecError};

/// Why a request wasn't stored. The caller gets it beside the original error, as
/// [`FallbackError::Both`](tower_recourse::FallbackError::Both).
#[derive(Debug)]
#[non_exhaustive]
pub enum DeferError {
    /// The failure isn't one after which requests are [deferred](super::Deferral::defer_if).
    NotDeferrable(Cause),
    /// The request can't be encoded.
    Codec(CodecError),
    /// The queue is full, refuses the job, or failed.
    Queue(QueueError),
    /// The queue holds a dead letter with the same key. It isn't sent unless someone requeues it.
    Dead(DeadReason),
    /// The queue didn't answer in time. The job may have been stored.
    TimedOut,
}

impl fmt::Display for DeferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDeferrable(cause) => write!(f, "not deferred, because {cause}"),
            Self::Codec(error) => write!(f, "not deferred, because the request can't be stored: {error}"),
            Self::Queue(error) => write!(f, "not deferred, because {error}"),
            Self::Dead(reason) => write!(f, "not deferred, because the same job failed for good: {reason}"),
            Self::TimedOut => f.write_str("maybe not deferred, because the queue didn't answer in time"),
        }
    }
}

impl Error for DeferError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Codec(error) => Some(error),
            Self::Queue(error) => Some(error),
            Self::NotDeferrable(_) | Self::Dead(_) | Self::TimedOut => None,
        }
    }
}
