//! A record of what was done: [`Audit`] writes a JSON object a line, off the path of the calls.
//!
//! ```
//! use tower_recourse::{BreakerConfig, Circuit, RetryConfig, observe::Audit};
//!
//! let path = "audit.jsonl";
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("audit.jsonl");
//! let audit = Audit::to_file(&path)?.with("batch", "b-17");
//! let retry = RetryConfig::default().observe(audit.clone());
//! let circuit = Circuit::new(BreakerConfig::default().name("db").observe(audit.clone()));
//!
//! circuit.force_open();
//! audit.record("item_failed", |entry| entry.field("item", "i-4711").count("retries", 3).message("gave up\n"));
//! audit.flush()?;
//!
//! // {"time":"2026-11-22T19:19:12.345Z","kind":"circuit_opened","batch":"b-17","name":"db","counts":{…}}
//! // {"time":"2026-11-22T19:19:12.345Z","kind":"circuit_steered","batch":"b-17","name":"db","reason":"forced open"}
//! // {"time":"2026-11-22T19:19:12.346Z","kind":"item_failed","batch":"b-17","counts":{"retries":3},"message":"gave up\n",…}
//! let lines = std::fs::read_to_string(&path)?;
//! assert_eq!(lines.lines().count(), 3);
//! # let _ = retry;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! ```toml
//! [dependencies]
//! tower-recourse = { version = "0.1", features = ["audit"] }
//! ```
//!
//! # When not to use it
//!
//! For what is to be searched, alerted on, or shipped: that is what `tracing` is for. An audit is for what must be found again on the
//! machine itself after everything else has gone wrong. It isn't proof against somebody who may write to the file.
//!
//! # A line
//!
//! | field | what | when |
//! |---|---|---|
//! | `time` | UTC, RFC 3339, milliseconds | always |
//! | `kind` | the event's name in lower case, `retry_scheduled`; or one's own | always |
//! | one's own | text: [`Audit::with`], [`Entry::field`] | if given |
//! | `name` | of the layer or circuit | in events |
//! | `key` | what it is about; in events, the ledger's key | if there is one |
//! | `counts` | an object of whole numbers; times end in `_ms` | if there are any |
//! | `reason` | why; in events, a word that doesn't change ([`Cause::label`](crate::Cause::label)) | if there is one |
//! | `message` | for people; in events, the cause as a sentence | if there is one |
//! | `cut` | `true` | if a text was too long, or there were too many |
//!
//! Text is cut at 1,024 bytes as they are written, ends in `…` then; names of fields and kinds at 64; there are at most 32 fields and 32
//! counts. What isn't printable is escaped, beyond what JSON asks for: controls of terminals, line ends of Unicode, and marks that
//! turn the direction of text. So a line is a line, whatever is in it, and may be shown on a terminal as it is.
//!
//! # Where it goes
//!
//! Lines wait in a queue of 1 MiB, and one thread writes all that wait in one write. It needs no
//! runtime. When a file is full (10 MiB), it becomes `….1`, that `….2`, up to 5; see
//! [`AuditConfig`]. Processes may append to one file: they lock a file of its own beside it,
//! `audit.jsonl.lock`, while they write. Programs that lock the audit, or its lock, for reading
//! stop nothing. While another process keeps the lock for itself, lines are appended all the same,
//! but a full file isn't rotated: it grows, and [`Audit::trouble`] says so. Processes of several
//! users share an audit if both files have a mode that lets all of them write. On systems other
//! than Unix, only one process may [rotate](AuditConfig::never_rotate) a file.
//!
//! New files have mode 0600, whatever the umask. A file keeps the mode, owner and group that it was
//! given later, and the next one gets them too, after a rotation and after another program has
//! moved it away. If the path is a symbolic link, it is followed once, when the audit is opened,
//! and stays a link: files are rotated beside its target. A link that appears later in place of the
//! file isn't followed; lines wait until it is gone.
//!
//! # Errors
//!
//! A full disk, or a folder that is gone, never stops a call. There is one warning when it begins (through `tracing`, or to standard error
//! without that feature), [`Audit::trouble`] says what it is, and the lines wait. It is tried again every second, and by
//! [`flush`](Audit::flush). A half-written line is taken back. When the queue is full, lines are lost; [`Audit::lost`] counts them, and so
//! does a line of kind `audit_lost` once there is room.
//!
//! # Cancel safety
//!
//! Nothing here is async. [`flush`](Audit::flush) and [`close`](Audit::close) block their thread; what is still in the queue when the process
//! is killed, or ends without dropping the last handle, is lost.

mod config;
mod entry;
mod file;
mod from_event;
mod handle;
mod lock;
mod queue;
mod writer;
mod writer_sink;

pub use config::AuditConfig;
pub use entry::Entry;
pub use handle::Audit;
