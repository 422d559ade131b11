use std::{error::Error, fmt, io, path::PathBuf, sync::Arc};

use crate::{Invalid, sanitize};

/// What keeps a store from being opened, or from saving.
#[derive(Clone)]
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

/// Paths, names and messages are escaped and cut.
impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(invalid) => f.debug_tuple("Name").field(invalid).finish(),
            Self::Held { path } => f.debug_struct("Held").field("path", &sanitize::path(path)).finish(),
            Self::Io { doing, path, error } => f
                .debug_struct("Io")
                .field("doing", doing)
                .field("path", &sanitize::path(path))
                .field("error", &sanitize::message(format_args!("{error:?}")))
                .finish(),
            Self::Part { name, why } => f
                .debug_struct("Part")
                .field("name", &sanitize::quoted(name))
                .field("why", &sanitize::quoted(why))
                .finish(),
        }
    }
}

/// Paths, names and messages are escaped and cut.
impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(invalid) => invalid.fmt(f),
            Self::Held { path } => {
                let path = sanitize::path(path);
                write!(f, "{path} is locked: another process uses this store, or this one has opened it twice")
            }
            Self::Io { doing, path, error } => {
                write!(f, "can't {doing} {}: {}", sanitize::path(path), sanitize::message(error))
            }
            Self::Part { name, why } => {
                write!(f, "the part {} can't be saved: {}", sanitize::quoted(name), sanitize::message(why))
            }
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
