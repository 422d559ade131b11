use std::{
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use super::{
    AuditConfig, AuditEntry,
    entry::{Fields, add_field},
    file::LogFile,
    from_event,
    queue::Queue,
    writer::{self, Sink},
    writer_sink::WriterSink,
};
use crate::{
    observe::{Event, Observer},
    sanitize,
    time::Wall,
};

/// An observer that writes an audit log: one JSON object per line. Add it to the configurations of
/// the layers.
///
/// The [module](super) describes the lines, and what happens if they can't be written.
///
/// # Clone
///
/// Clones write to the same file. Each adds the [fields](Self::with_field) that it was given.
/// Dropping the last clone, including those in the configurations of layers and circuits, writes
/// the waiting lines first.
#[derive(Clone)]
pub struct Audit {
    thread: Arc<Thread>,
    context: Arc<Fields>,
}

/// Joins the writer thread when the last handle is dropped.
struct Thread {
    queue: Arc<Queue>,
    include_every_call: bool,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Audit {
    /// Appends to a file with the default configuration. The file is created if it doesn't exist.
    ///
    /// # Errors
    ///
    /// If the file can't be opened, or the writer thread can't be started.
    pub fn to_file(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::to_file_with(path, AuditConfig::default())
    }

    /// Appends to a file. The file is created if it doesn't exist.
    ///
    /// # Errors
    ///
    /// The same as [`to_file`](Self::to_file).
    pub fn to_file_with(path: impl AsRef<Path>, config: AuditConfig) -> io::Result<Self> {
        let path = path.as_ref();
        let file = LogFile::new(path, &config)
            .map_err(|error| io::Error::new(error.kind(), format!("audit file {}: {error}", sanitize::path(path))))?;
        Self::to_sink(file, &config)
    }

    /// Writes to any other destination, such as standard error or a pipe. It isn't rotated. If the
    /// writer blocks forever, [`flush`](Self::flush) and the drop of the last handle do so, too.
    ///
    /// # Errors
    ///
    /// If the writer thread can't be started.
    pub fn to_writer(writer: impl io::Write + Send + 'static, config: AuditConfig) -> io::Result<Self> {
        Self::to_sink(WriterSink(writer), &config)
    }

    fn to_sink(sink: impl Sink, config: &AuditConfig) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(config.queue));
        let handle = Mutex::new(Some(writer::start(Arc::clone(&queue), sink)?));
        let thread = Thread { queue, include_every_call: config.include_every_call, handle };
        Ok(Self { thread: Arc::new(thread), context: Arc::default() })
    }

    /// Returns a handle that adds a field to each of its lines, such as the batch, the tenant, or
    /// the process.
    pub fn with_field(mut self, name: impl fmt::Display, value: impl fmt::Display) -> Self {
        add_field(Arc::make_mut(&mut self.context), name, value);
        self
    }

    /// Writes a line of your own. It returns at once; another thread writes the line.
    ///
    /// ```
    /// # use tower_recourse::observe::{Audit, audit::AuditConfig};
    /// # let audit = Audit::to_writer(std::io::sink(), AuditConfig::default())?;
    /// # let error = "connection reset";
    /// audit.record("item_failed", |entry| entry.field("item", "i-4711").count("retries", 3).message(error));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn record(&self, kind: &str, fill: impl FnOnce(AuditEntry) -> AuditEntry) {
        self.write(&fill(AuditEntry::new(kind)));
    }

    /// Waits until the operating system has received every earlier line. These lines survive the
    /// end of the process, but not a power failure. It blocks the thread while the disk is busy.
    ///
    /// # Errors
    ///
    /// If the lines can't be written now. They keep waiting, and the writer tries again.
    pub fn flush(&self) -> io::Result<()> {
        self.thread.queue.flush()
    }

    /// Calls [`flush`](Self::flush), and ends the audit for all clones. Later lines are lost and
    /// counted as lost.
    ///
    /// # Errors
    ///
    /// If some lines couldn't be written. They are lost.
    pub fn close(&self) -> io::Result<()> {
        let flushed = self.flush();
        self.thread.close();
        flushed
    }

    /// How many lines were lost so far, because the queue was full or the audit was closed.
    pub fn dropped_lines(&self) -> u64 {
        self.thread.queue.lost()
    }

    /// The error that currently prevents lines from being written; `None` if there is none.
    pub fn last_error(&self) -> Option<Arc<io::Error>> {
        self.thread.queue.trouble()
    }

    fn write(&self, entry: &AuditEntry) {
        self.thread.queue.push(&entry.line(Wall::now(), &self.context));
    }
}

impl Observer for Audit {
    fn on_event(&self, event: &Event<'_>) {
        if self.thread.include_every_call || !from_event::is_of_every_call(event) {
            self.write(&from_event::entry(event));
        }
    }
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").field("with", &self.context).finish_non_exhaustive()
    }
}

impl Thread {
    fn close(&self) {
        self.queue.close();
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The writer thread may hold the last handle itself, inside a user's writer.
        if let Some(handle) = handle.filter(|handle| handle.thread().id() != thread::current().id()) {
            // The thread catches its panics, so joining it doesn't fail.
            let _ = handle.join();
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.close();
    }
}
