use std::{error::Error, fmt, io, path::PathBuf, sync::Arc};

use crate::{InvalidConfig, sanitize};

/// Why a store can't be opened, or can't save.
#[derive(Clone)]
#[non_exhaustive]
pub enum StoreError {
    /// The store's name isn't a valid file name.
    Name(InvalidConfig),
    /// Another process has opened the store, or this process has opened it and not dropped it yet.
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The file system returned an error. The state that was saved before is still there.
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        error: Arc<io::Error>,
    },
    /// The snapshot of a part failed. The part's last saved state is kept, and the other parts are
    /// saved.
    Part {
        /// The part's name.
        name: String,
        /// Why it failed.
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
                write!(f, "{path} is locked: this store is open in another process, or twice in this one")
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

impl From<InvalidConfig> for StoreError {
    fn from(invalid: InvalidConfig) -> Self {
        Self::Name(invalid)
    }
}
