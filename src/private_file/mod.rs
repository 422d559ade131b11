//! Files that only their owner may read, unless the owner has changed their mode.
//!
//! A new file has mode 0600. A file that replaces another gets the mode of the replaced file. Files
//! are opened by their own path, and never through a symbolic link.

mod access;
mod lock;
mod open;
#[cfg(unix)]
#[path = "unix.rs"]
mod system;
#[cfg(not(unix))]
#[path = "non_unix.rs"]
mod system;

pub(crate) use access::Access;
pub(crate) use lock::{Acquired, FileLock};
// The audit log and the store each use a part.
#[cfg_attr(not(all(feature = "audit", feature = "store")), allow(unused_imports))]
pub(crate) use open::{create_folders, create_new, look, look_for_file, open, open_or_create};
