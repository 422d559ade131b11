use std::{
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use super::{
    AuditConfig, Entry,
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

/// Writes down what was done: a JSON object a line. To be given to the layers that it is to observe.
///
/// See the [module's page](super) for what a line holds, and what happens when it can't be written.
///
/// # Clone
///
/// Clones write to the same file, each with the [fields](Self::with) that it was given. When the last one is dropped, those in the
/// configs of layers and circuits included, what waits is written first.
#[derive(Clone)]
pub struct Audit {
    thread: Arc<Thread>,
    context: Arc<Fields>,
}

/// Joined with the last handle.
struct Thread {
    queue: Arc<Queue>,
    every_call: bool,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Audit {
    /// Appends to a file, which is made if there is none, by the default config.
    ///
    /// # Errors
    ///
    /// If the file can't be opened, or its thread can't be started.
    pub fn to_file(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::to_file_with(path, AuditConfig::default())
    }

    /// Appends to a file, which is made if there is none.
    ///
    /// # Errors
    ///
    /// As [`to_file`](Self::to_file).
    pub fn to_file_with(path: impl AsRef<Path>, config: AuditConfig) -> io::Result<Self> {
        let path = path.as_ref();
        let file = LogFile::new(path, &config)
            .map_err(|error| io::Error::new(error.kind(), format!("audit file {}: {error}", sanitize::path(path))))?;
        Self::to_sink(file, &config)
    }

    /// Writes to anything else: standard error, a pipe. It isn't rotated. A writer that blocks for ever makes
    /// [`flush`](Self::flush) and the drop of the last handle do so too.
    ///
    /// # Errors
    ///
    /// If its thread can't be started.
    pub fn to_writer(writer: impl io::Write + Send + 'static, config: AuditConfig) -> io::Result<Self> {
        Self::to_sink(WriterSink(writer), &config)
    }

    fn to_sink(sink: impl Sink, config: &AuditConfig) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(config.queue));
        let handle = Mutex::new(Some(writer::start(Arc::clone(&queue), sink)?));
        let thread = Thread { queue, every_call: config.every_call, handle };
        Ok(Self { thread: Arc::new(thread), context: Arc::default() })
    }

    /// A handle of the same file that adds a field to every line it writes: the batch, the tenant, the process.
    pub fn with(mut self, name: impl fmt::Display, value: impl fmt::Display) -> Self {
        add_field(Arc::make_mut(&mut self.context), name, value);
        self
    }

    /// Writes a line of your own. Returns at once; the line is written by another thread.
    ///
    /// ```
    /// # use tower_recourse::observe::{Audit, audit::AuditConfig};
    /// # let audit = Audit::to_writer(std::io::sink(), AuditConfig::default())?;
    /// # let error = "connection reset";
    /// audit.record("item_failed", |entry| entry.field("item", "i-4711").count("retries", 3).message(error));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn record(&self, kind: &str, fill: impl FnOnce(Entry) -> Entry) {
        self.write(&fill(Entry::new(kind)));
    }

    /// Waits until every line of before is handed to the operating system: it survives the end of the process then, though not
    /// a power cut. Blocks its thread for as long as the disk needs.
    ///
    /// # Errors
    ///
    /// If they can't be written now. They still wait, and are tried again.
    pub fn flush(&self) -> io::Result<()> {
        self.thread.queue.flush()
    }

    /// [`flush`](Self::flush), and then the end, for all clones: whatever is told from now on is lost, and counted so.
    ///
    /// # Errors
    ///
    /// If not all could be written. What couldn't is lost.
    pub fn close(&self) -> io::Result<()> {
        let flushed = self.flush();
        self.thread.close();
        flushed
    }

    /// How many lines were lost since the beginning: the queue was full, or the audit was closed.
    pub fn lost(&self) -> u64 {
        self.thread.queue.lost()
    }

    /// What keeps lines from being written; `None` while nothing does.
    pub fn trouble(&self) -> Option<Arc<io::Error>> {
        self.thread.queue.trouble()
    }

    fn write(&self, entry: &Entry) {
        self.thread.queue.push(&entry.line(Wall::now(), &self.context));
    }
}

impl Observer for Audit {
    fn on_event(&self, event: &Event<'_>) {
        if self.thread.every_call || !from_event::is_of_every_call(event) {
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
        // The writer may hold the last handle itself, if it is of the user's own.
        if let Some(handle) = handle.filter(|handle| handle.thread().id() != thread::current().id()) {
            // It catches its panics.
            let _ = handle.join();
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.close();
    }
}
