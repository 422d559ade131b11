use std::{error::Error, fmt};

use crate::Cause;

/// The limit of a [`RetryQuota`](super::RetryQuota) that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaExceeded {
    /// The limit over all keys.
    Total {
        /// The number of retries that are allowed.
        limit: u64,
    },
    /// The limit of this key.
    PerKey {
        /// The number of retries that are allowed.
        limit: u32,
    },
}

impl QuotaExceeded {
    /// The limit as a [`Cause`].
    pub const fn cause(&self) -> Cause {
        match *self {
            Self::Total { limit } => Cause::TotalQuota { limit },
            Self::PerKey { limit } => Cause::KeyQuota { limit },
        }
    }
}

impl fmt::Display for QuotaExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause().fmt(f)
    }
}

impl Error for QuotaExceeded {}
