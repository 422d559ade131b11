//! State that survives the process: [`FileStore`] saves circuits, quotas, budgets, and parts of
//! your own in a file.
//!
//! ```
//! use std::{path::Path, sync::{Arc, atomic::{AtomicU64, Ordering}}, time::Duration};
//! use tower_recourse::store::{FileStore, Persist, Restored};
//!
//! // Circuits, quotas and budgets implement `Persist`. This is a part of your own.
//! #[derive(Default)]
//! struct Done(AtomicU64);
//!
//! impl Persist for Done {
//!     type Snapshot = u64;
//!     fn snapshot(&self) -> u64 { self.0.load(Ordering::Acquire) }
//!     fn restore(&self, done: u64, _age: Duration) { self.0.store(done, Ordering::Release); }
//! }
//!
//! let folder = Path::new("state");
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let store = FileStore::open(folder, "batch-17")?;
//! let done = Arc::new(Done::default());
//! assert_eq!(store.register("done", &done)?, Restored::Nothing);
//!
//! done.0.store(4711, Ordering::Release);
//! store.save()?; // or `flush().await`
//! drop(store);
//!
//! // After a restart.
//! let store = FileStore::open(folder, "batch-17")?;
//! let done = Arc::new(Done::default());
//! assert!(matches!(store.register("done", &done)?, Restored::State { .. }));
//! assert_eq!(done.0.load(Ordering::Acquire), 4711);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```toml
//! [dependencies]
//! tower-recourse = { version = "0.1", features = ["store"] }
//! ```
//!
//! Circuits and quotas are saved in the same way. They mark the store as changed themselves if
//! their configurations have the store's observer:
//! `BreakerConfig::default().observe(store.observer())`. If a limit must hold through any crash,
//! save each retry before it is made: call `store.flush().await` in
//! [`before_resend`](crate::RetryLayer::before_resend) or, with [`run`](crate::RetryLayer::run), at
//! the start of each attempt after the first.
//!
//! # When not to use it
//!
//! - Several processes share the state: one process at a time can open a store.
//! - The circuits belong to a service that restarts within seconds and has many instances: each
//!   instance detects an outage by itself soon enough. A store is worth it if opening is expensive,
//!   if a circuit stays open until it is reset, or if limits must hold across restarts.
//! - You need a database: each save writes the whole state.
//!
//! # What survives
//!
//! Each part defines its snapshot. The snapshot of a circuit contains its state, its mode, its
//! failures in a row, and the rest of its open time, but neither windows nor totals. That of a
//! quota contains all its counts. That of a [budget](crate::retry::budget) contains its tokens,
//! without the reserve.
//!
//! **Age** matters: a circuit whose open time has elapsed since the save is restored as half-open.
//! The age comes from wall clocks. If the clock was set back, the age is zero, and no open time
//! becomes longer than it was.
//!
//! State of parts that this run hasn't registered stays in the file unchanged, until you
//! [unregister](FileStore::unregister) them.
//!
//! # When it is durable
//!
//! | after | a change survives |
//! |---|---|
//! | [`save`](FileStore::save) or [`flush`](FileStore::flush) has returned `Ok` | a power failure |
//! | [`changed`](FileStore::changed) was called, or an [observer](FileStore::observer) received an event | once 100 ms ([`write_interval`](FileStore::write_interval)) and the time of a write have passed |
//! | the last handle was dropped | from then on |
//! | none of these | from the next write on, whatever causes it |
//!
//! One thread writes, and needs no runtime; calls don't wait for it. All requests that wait for a
//! save share it: requests that arrive during a write are answered by the next one. The thread
//! writes a new file in the same folder, flushes it, renames it over the old one, and flushes the
//! folder. So whenever the process is killed, the file is the old one or the new one.
//!
//! # The files
//!
//! | file | content |
//! |---|---|
//! | `name.json` | the state: `{"version":1,"saved_at":"…","checksum":"…","parts":{"done":{"saved_at":"…","state":4711}}}` |
//! | `name.json.tmp` | the file that is being written; opening the store removes a leftover |
//! | `name.lock` | empty; locked while the store is open. It is never removed, and you must not remove it |
//! | `name.json.damaged-1` … `-99` | a file that couldn't be parsed, or whose checksum didn't match; number 99 is overwritten |
//! | `name.json.future-1` … `-99` | a file of a later version |
//!
//! New files have mode 0600 and new folders 0700, regardless of the umask. If you change the mode,
//! owner, or group of a state file, the store preserves them in the file that replaces it, and in a
//! damaged file that it renames. If the group can't be kept, the new group gets no more rights than
//! all other users. ACLs and extended attributes aren't kept. A state file that is a symbolic link
//! is an error, because it couldn't be replaced in one step and could point to a file of another
//! user. A link to the *folder* is fine.
//!
//! The checksum is the CRC-32 of the parts as they are written, so editing the file by hand
//! invalidates it. Dates are UTC in RFC 3339. The lock is a system lock (`flock`, `LockFileEx`),
//! which ends with the process; on a network file system it is as reliable as that file system.
//! Only `name.lock` is ever locked. On Unix, another program's shared lock on it, for example that
//! of a backup tool, doesn't block the store: a new lock file replaces it. On other systems,
//! folders aren't flushed, and modes don't exist.
//!
//! # Errors
//!
//! [`FileStore::open`] fails if the name contains a path, the file is a link, or the store is
//! already open. It renames a file that it can't read, and logs a warning (through `tracing`, or to
//! standard error without that feature).
//!
//! If a save fails, the old state stays. The store logs one warning until a save succeeds,
//! [`FileStore::last_error`] returns the error, callers that wait for the save receive it, and the
//! writer tries again every second. A part that panics doesn't prevent other parts from being
//! saved.
//!
//! # Clone
//!
//! Clones of a [`FileStore`] are handles to the same store.
//!
//! # Cancel safety
//!
//! [`FileStore::flush`] may be dropped at any time; the save is still made. Dropping the last
//! handle blocks until everything is saved.

mod disk;
mod envelope;
mod error;
mod file_store;
mod group_commit;
mod parts;
mod paths;
mod persist;
mod writer;

pub use error::StoreError;
pub use file_store::FileStore;
pub use parts::Restored;
pub use persist::Persist;
