use std::{error::Error, fmt};

use crate::Cause;

/// The limit of a [`Ledger`](super::Ledger) that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The limit over all keys.
    InAll {
        /// The number of retries that are allowed.
        limit: u64,
    },
    /// The limit of this key.
    Key {
        /// The number of retries that are allowed.
        limit: u32,
    },
}

impl Spent {
    /// The limit as a [`Cause`].
    pub const fn cause(&self) -> Cause {
        match *self {
            Self::InAll { limit } => Cause::LedgerInAll { limit },
            Self::Key { limit } => Cause::LedgerKey { limit },
        }
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause().fmt(f)
    }
}

impl Error for Spent {}
