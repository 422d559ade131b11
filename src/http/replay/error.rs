use std::{error::Error, fmt, io};

/// Why a recorded body failed while it was being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError<E> {
    /// The body's own error. Its request isn't retried.
    Body(E),
    /// A later attempt is sending the body, and this attempt was abandoned.
    Superseded(Superseded),
    /// The recorded chunks were dropped, because the body was longer than the limit or had failed.
    /// This happens to clones of a [`CloneableBody`](super::CloneableBody). Other bodies fail with
    /// it only if the source fails while a new attempt starts.
    NotStored,
}

/// A later attempt is sending the body, and this attempt was abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Superseded;

impl<E: From<Superseded>> ReplayError<E> {
    /// Converts it into the body's own error type.
    pub(super) fn flatten(self) -> E {
        match self {
            Self::Body(error) => error,
            Self::Superseded(superseded) => superseded.into(),
            // The earlier attempt hit an error of the source while this one started.
            Self::NotStored => Superseded.into(),
        }
    }
}

impl<E> fmt::Display for ReplayError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(_) => f.write_str("the request body failed"),
            Self::Superseded(superseded) => superseded.fmt(f),
            Self::NotStored => f.write_str("the request body is no longer stored, so it can't be resent"),
        }
    }
}

impl<E: Error + 'static> Error for ReplayError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body(error) => Some(error),
            Self::Superseded(_) | Self::NotStored => None,
        }
    }
}

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a later attempt is sending the request body")
    }
}

impl Error for Superseded {}

impl From<Superseded> for io::Error {
    fn from(superseded: Superseded) -> Self {
        Self::other(superseded)
    }
}
