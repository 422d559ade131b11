use std::{convert::Infallible, error::Error, fmt};

use crate::{Cause, sanitize};

/// The error of a service with a fallback.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FallbackError<E, B> {
    /// The primary's error; the backup wasn't asked, since the outcome wasn't judged a failure.
    Primary(E),
    /// Both failed.
    Both {
        /// The primary's error.
        primary: E,
        /// The backup's error.
        backup: B,
        /// Why the backup was asked.
        cause: Cause,
    },
}

impl<E, B> FallbackError<E, B> {
    /// The primary's error.
    pub fn primary(&self) -> &E {
        match self {
            Self::Primary(primary) | Self::Both { primary, .. } => primary,
        }
    }

    /// The primary's error, by value.
    pub fn into_primary(self) -> E {
        match self {
            Self::Primary(primary) | Self::Both { primary, .. } => primary,
        }
    }

    /// The backup's error, if it was asked.
    pub fn backup(&self) -> Option<&B> {
        match self {
            Self::Primary(_) => None,
            Self::Both { backup, .. } => Some(backup),
        }
    }
}

/// The backup's error is escaped, and cut at 1,024 bytes.
impl<E, B: fmt::Display> fmt::Display for FallbackError<E, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary(_) => f.write_str("the call failed"),
            Self::Both { backup, cause, .. } => {
                write!(f, "{cause}, and the fallback failed: {}", sanitize::message(backup))
            }
        }
    }
}

/// The source is the primary's error: the backup's is in the message.
impl<E: Error + 'static, B: fmt::Debug + fmt::Display> Error for FallbackError<E, B> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.primary())
    }
}

/// Where the primary can't fail, nothing can: so axum takes the layer as it is.
impl<B> From<FallbackError<Infallible, B>> for Infallible {
    fn from(error: FallbackError<Infallible, B>) -> Self {
        error.into_primary()
    }
}
