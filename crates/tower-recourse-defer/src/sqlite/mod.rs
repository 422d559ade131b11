//! A queue in an SQLite file: [`SqliteQueue`].
//!
//! It is for one process, or several processes of one machine. SQLite is compiled in. All
//! operations of a queue use one connection, on a blocking thread, because SQLite has one writer at
//! a time.
//!
//! The file is in WAL mode with `synchronous = full`: when [`put`](crate::Queue::put) returns, the
//! job survives a power failure. Don't put the file on a network file system.
//!
//! # Outbox
//!
//! [`SqliteQueue::put_in`] stores a job on your own connection, so that your changes and the job
//! commit together. The connection must be one to the same file, of the exported version of
//! [`rusqlite`].

mod open;
mod operations;
mod options;
mod queue;
mod schema;

pub use options::SqliteOptions;
pub use queue::SqliteQueue;
pub use rusqlite;
pub use schema::MIGRATIONS;
