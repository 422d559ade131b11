use std::{convert::Infallible, error::Error, fmt};

use crate::{Cause, sanitize};

/// The error of a service with a fallback.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FallbackError<E, B> {
    /// The primary failed, and the backup wasn't called, because the outcome wasn't classified as a
    /// failure.
    Primary(E),
    /// The primary and the backup failed.
    Both {
        /// The primary's error.
        primary: E,
        /// The backup's error.
        backup: B,
        /// Why the backup was called.
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

    /// Takes the primary's error.
    pub fn into_primary(self) -> E {
        match self {
            Self::Primary(primary) | Self::Both { primary, .. } => primary,
        }
    }

    /// The backup's error, if the backup was called.
    pub fn backup(&self) -> Option<&B> {
        match self {
            Self::Primary(_) => None,
            Self::Both { backup, .. } => Some(backup),
        }
    }
}

/// [`Primary`](Self::Primary) displays the primary's error. [`Both`](Self::Both) displays both
/// errors and the cause: `connection refused (all 4 attempts failed), and the fallback failed: not
/// in the cache`. There, each error is escaped and cut at 1,024 bytes.
impl<E: fmt::Display, B: fmt::Display> fmt::Display for FallbackError<E, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary(primary) => primary.fmt(f),
            Self::Both { primary, backup, cause } => {
                let (primary, backup) = (sanitize::message(primary), sanitize::message(backup));
                match cause {
                    Cause::Failure => write!(f, "{primary}, and the fallback failed: {backup}"),
                    cause => write!(f, "{primary} ({cause}), and the fallback failed: {backup}"),
                }
            }
        }
    }
}

/// The source is the primary's error.
impl<E: Error + 'static, B: fmt::Debug + fmt::Display> Error for FallbackError<E, B> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.primary())
    }
}

/// If the primary can't fail, the service can't, either. axum requires `Infallible` as the error
/// type.
impl<B> From<FallbackError<Infallible, B>> for Infallible {
    fn from(error: FallbackError<Infallible, B>) -> Self {
        error.into_primary()
    }
}
