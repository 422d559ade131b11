use std::{error::Error, fmt, io, path::PathBuf, sync::Arc};

use crate::Invalid;

/// What keeps a store from being opened, or from saving.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StoreError {
    /// The store's name can't be that of a file.
    Name(Invalid),
    /// Another process has opened it, or this one has, and not dropped it yet.
    Held {
        /// The file whose lock is held.
        path: PathBuf,
    },
    /// The file system refused. What was saved before is still there.
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What it said.
        error: Arc<io::Error>,
    },
    /// One part couldn't be taken down; what was saved of it before is kept, and the other parts are saved.
    Part {
        /// The part's name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

impl StoreError {
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { doing, path, error: Arc::new(error) }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(invalid) => invalid.fmt(f),
            Self::Held { path } => {
                write!(f, "{path:?} is locked: another process uses this store, or this one has opened it twice")
            }
            Self::Io { doing, path, error } => write!(f, "can't {doing} {path:?}: {error}"),
            Self::Part { name, why } => write!(f, "the part {name:?} can't be saved: {why}"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Name(invalid) => Some(invalid),
            Self::Io { error, .. } => Some(error),
            Self::Held { .. } | Self::Part { .. } => None,
        }
    }
}

impl From<Invalid> for StoreError {
    fn from(invalid: Invalid) -> Self {
        Self::Name(invalid)
    }
}
