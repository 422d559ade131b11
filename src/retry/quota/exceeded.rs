use std::{error::Error, fmt};

use crate::Cause;

/// A limit of a [`Ledger`](super::Ledger) is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The one over all keys.
    InAll {
        /// How many retries may be made.
        limit: u64,
    },
    /// The one of this key.
    Key {
        /// How many retries may be made.
        limit: u32,
    },
}

impl Spent {
    /// The same, as a fallback is told.
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
