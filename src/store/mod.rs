//! State that survives the process: [`FileStore`] keeps circuits, ledgers, budgets, and parts of your own, in a file.
//!
//! ```
//! use std::{path::Path, sync::{Arc, atomic::{AtomicU64, Ordering}}, time::Duration};
//! use tower_recourse::store::{FileStore, Persist, Restored};
//!
//! // Circuits, ledgers and budgets implement `Persist`. This is a part of your own.
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
//! assert_eq!(store.keep("done", &done)?, Restored::Nothing);
//!
//! done.0.store(4711, Ordering::Release);
//! store.save()?; // or `flush().await`
//! drop(store);
//!
//! // After a restart.
//! let store = FileStore::open(folder, "batch-17")?;
//! let done = Arc::new(Done::default());
//! assert!(matches!(store.keep("done", &done)?, Restored::State { .. }));
//! assert_eq!(done.0.load(Ordering::Acquire), 4711);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```toml
//! [dependencies]
//! tower-recourse = { version = "0.1", features = ["store"] }
//! ```
//!
//! Circuits and ledgers are kept the same way, and say by themselves when they have changed, if the configs have the store's
//! observer: `BreakerConfig::default().observe(store.observer())`. Where a limit must hold through any crash, a retry is saved before
//! it is made: by `store.flush().await` in [`before_resend`](crate::RetryLayer::before_resend), or, with
//! [`run`](crate::RetryLayer::run), at the beginning of each attempt after the first.
//!
//! # When not to use it
//!
//! - For state that several processes share: a store is one process's at a time.
//! - For circuits of a service that restarts in seconds and has many instances: each finds out soon enough by itself. It is worth it
//!   where opening is expensive, where a circuit is open until somebody resets it, or where limits must hold across restarts.
//! - As a database. All of it is written each time.
//!
//! # What survives
//!
//! Each part says what its snapshot holds. Of a circuit: its state, its mode, its failures in a row, and what is left of the open
//! time; neither windows nor totals. Of a ledger: all its counts. Of a
//! [budget](crate::retry::budget): its tokens, without a reserve. **Age** counts: a circuit whose open time has run out meanwhile comes back half-open. Ages
//! are by wall clocks; one that was put back makes them zero, and no open time is ever longer than it was.
//!
//! Parts that this run doesn't know are kept in the file as they are, until they are [forgotten](FileStore::forget).
//!
//! # When it is durable
//!
//! | | a change survives |
//! |---|---|
//! | [`save`](FileStore::save) or [`flush`](FileStore::flush) has returned `Ok` | a power cut |
//! | [`changed`](FileStore::changed), or an [observer](FileStore::observer), was told | after 100 ms ([`write_every`](FileStore::write_every)) and the time of a write |
//! | the last handle is dropped | from then on |
//! | nobody was told | from the next write on, whatever caused it |
//!
//! One thread writes, off the path of calls, and needs no runtime. Who waits for a save shares it with all who do: what was asked for
//! while one is being written is answered by the next. A new file is written in the same folder and flushed, takes the place of the old
//! one, and the folder is flushed: so whenever the process is killed, the file is the old one or the new one.
//!
//! # The files
//!
//! | file | what |
//! |---|---|
//! | `name.json` | the state: `{"version":1,"saved_at":"…","checksum":"…","parts":{"done":{"saved_at":"…","state":4711}}}` |
//! | `name.json.tmp` | what is being written; a leftover is removed when the store is opened |
//! | `name.lock` | locked while the store is open; empty. It is never removed, and must not be |
//! | `name.json.damaged-1` … `-99` | a file that couldn't be read, or whose checksum was wrong; the last of them is used again |
//! | `name.json.future-1` … `-99` | a file of a later version |
//!
//! New files have mode 0600 and new folders 0700, whatever the umask. A state file keeps the mode,
//! owner and group that it was given later: when it is set aside, and when another takes its place;
//! if its group can't be kept, the new group gets no more than all other users. ACLs and extended
//! attributes aren't kept. A file that is a symbolic link is refused, since it couldn't be replaced
//! in one step and could point to a file of another user; a link to the *folder* is fine.
//!
//! The checksum is the CRC-32 of the parts as they stand there, so an editor damages the file.
//! Dates are UTC, RFC 3339. The lock is that of the system (`flock`, `LockFileEx`), and ends with
//! the process; on network file systems it is worth what they make of it. Only `name.lock` is ever
//! locked, and on Unix, a lock for *reading* on it, of a backup tool say, keeps no store out: a new
//! file takes its place. Other than on Unix, folders aren't flushed, and modes don't exist.
//!
//! # Errors
//!
//! [`FileStore::open`] refuses names that are paths, files that are links, and a store that somebody else holds. What it can't read is set aside with a
//! warning (through `tracing`, or to standard error without that feature). When saving fails, the old state stays, there is one
//! warning until it succeeds, [`FileStore::trouble`] says what it is, whoever waits is told, and it is tried again every second.
//! A part that panics keeps no other from being saved.
//!
//! # Cancel safety
//!
//! [`FileStore::flush`] may be dropped at any time; the save is made. Dropping the last handle blocks until everything is saved.

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
