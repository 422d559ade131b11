//! An audit log: [`Audit`] writes one JSON object per line, on a thread of its own.
//!
//! ```
//! use tower_recourse::{BreakerConfig, Circuit, RetryConfig, observe::Audit};
//!
//! let path = "audit.jsonl";
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("audit.jsonl");
//! let audit = Audit::to_file(&path)?.with_field("batch", "b-17");
//! let retry = RetryConfig::default().observe(audit.clone());
//! let circuit = Circuit::new(BreakerConfig::default().name("db").observe(audit.clone()));
//!
//! circuit.force_open();
//! audit.record("item_failed", |entry| entry.field("item", "i-4711").count("retries", 3).message("gave up\n"));
//! audit.flush()?;
//!
//! // {"time":"2026-11-22T19:19:12.345Z","kind":"circuit_opened","batch":"b-17","name":"db","counts":{…}}
//! // {"time":"2026-11-22T19:19:12.345Z","kind":"circuit_mode_changed","batch":"b-17","name":"db","reason":"forced open"}
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
//! Don't use it for data that you search, ship, or alert on: use `tracing` for that. An audit is a
//! record on the machine itself that can be read when nothing else works. It doesn't protect
//! against anyone who may write to the file.
//!
//! # A line
//!
//! | field | content | present |
//! |---|---|---|
//! | `time` | UTC, RFC 3339, milliseconds | always |
//! | `kind` | the event's name in snake case, such as `retry_scheduled`, or your own | always |
//! | your own | text: [`Audit::with_field`], [`AuditEntry::field`] | if set |
//! | `name` | the name of the layer or circuit | in events |
//! | `circuit_key` | the key of a circuit of a keyed breaker | in its events |
//! | `labels` | an object: the labels of the layer or circuit | in events, if there are any |
//! | `key` | what the line is about; in events, the quota's key | if there is one |
//! | `counts` | an object of integers; the names of times end in `_ms` | if there are any |
//! | `outcome` | what the caller received: `success`, `neutral`, `failure` | in `request_finished` |
//! | `reason` | the reason; in events, a stable label ([`Cause::label`](crate::Cause::label)) | if there is one |
//! | `message` | text for a human reader; in events, the cause as a sentence | if there is one |
//! | `failure` | an object: `kind`, such as `transient`; `http_status` or `grpc_status`; `error`, the text of the error and its sources | in events of a failure |
//! | `cut` | `true` | if a text was too long, or there were too many fields |
//!
//! The `counts` of events are the numbers and times of the [`Event`](crate::observe::Event), with
//! the names of its fields: `attempt`, `max_attempts`, `delay_ms`, `elapsed_ms`, `failing_for_ms`,
//! and so on. `duration_ms` is that of the failed call, the successful attempt, or the backup. What
//! isn't known is left out. `open_for_ms` is missing for a circuit that stays open until it is
//! reset.
//!
//! Text is cut at 1,024 bytes, as JSON encodes it, and then ends in `…`. The text of an error,
//! a label and the key of a circuit are cut at 256 bytes, names of fields and labels, and kinds, at
//! 64. A line has at most 32 fields, 32 labels, and 32 counts. Characters that aren't
//! printable are escaped, beyond what JSON requires: terminal controls, Unicode line ends, and
//! characters that change the direction of text. So each record is exactly one line, and is safe to
//! show on a terminal.
//!
//! # Destination
//!
//! Lines wait in a queue of 1 MiB. One thread writes all waiting lines in one write; it needs no
//! runtime. When a file is full (10 MiB), it becomes `….1`, that becomes `….2`, and so on up to 5;
//! see [`AuditConfig`].
//!
//! Several processes may append to one file. They lock a separate file beside it,
//! `audit.jsonl.lock`, while they write. Shared locks of other programs, on the audit or on its
//! lock file, block nothing. While another process holds the lock exclusively, lines are still
//! appended, but a full file isn't rotated: it grows, and [`Audit::last_error`] reports it.
//! Processes of several users share an audit if both files have a mode that lets all of them write.
//! On systems other than Unix, only one process may [rotate](AuditConfig::never_rotate) a file.
//!
//! New files have mode 0600, regardless of the umask. If you change the mode, owner, or group of a
//! file, the next file gets the same, after a rotation and after another program has moved the
//! file. If the path is a symbolic link, it is resolved once, when the audit is opened, and the
//! link stays: files are rotated beside its target. A link that later replaces the file isn't
//! followed; lines wait until it is gone.
//!
//! # Errors
//!
//! A full disk or a removed folder never fails a call. The audit logs one warning when writing
//! starts to fail (through `tracing`, or to standard error without that feature),
//! [`Audit::last_error`] returns the error, and the lines wait. The writer tries again every
//! second, and on each [`flush`](Audit::flush). A line that was written in part is removed. When
//! the queue is full, lines are lost. [`Audit::dropped_lines`] counts them, and once there is room,
//! a line of kind `audit_lost` reports their number.
//!
//! # Clone
//!
//! Clones of an [`Audit`] share the file and the queue.
//!
//! # Cancel safety
//!
//! Nothing here is async. [`flush`](Audit::flush) and [`close`](Audit::close) block their thread.
//! If the process is killed, or ends without dropping the last handle, the lines in the queue are
//! lost.

mod config;
mod entry;
mod event_details;
mod file;
mod from_event;
mod handle;
mod lock;
mod queue;
mod writer;
mod writer_sink;

pub use config::AuditConfig;
pub use entry::AuditEntry;
pub use handle::Audit;
