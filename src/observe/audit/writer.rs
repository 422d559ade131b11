//! The writer thread.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::{AuditEntry, queue::Queue};
use crate::{background_log::warn, time::Wall};

/// The destination of the lines.
pub(super) trait Sink: Send + 'static {
    /// Appends lines in order. Returns how many bytes are done, and the error that stopped the
    /// append.
    fn append(&mut self, lines: &[u8]) -> (usize, io::Result<()>);

    /// The destination's name in warnings.
    fn name(&self) -> String;
}

pub(super) fn start(queue: Arc<Queue>, sink: impl Sink) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("audit".to_owned()).spawn(move || write_all(&queue, sink))
}

fn write_all(queue: &Queue, mut sink: impl Sink) {
    let mut batch = Vec::new();
    loop {
        let task = queue.take(&mut batch);
        let result = write(queue, &mut sink, &mut batch).and_then(|()| report_lost(queue, &mut sink, &mut batch));
        let message = result.as_ref().err().map(|error| format!("audit {}: {error}", sink.name()));
        if queue.answer(&task, batch.len(), result.err()) {
            warn(format_args!("{}; lines wait, and are lost once the queue is full", message.unwrap_or_default()));
        }
        if task.is_last {
            queue.lose(lines(&batch));
            queue.end();
            return;
        }
    }
}

/// Reports lost lines in a line of kind `audit_lost`, after the lines that were in the queue.
fn report_lost(queue: &Queue, sink: &mut impl Sink, batch: &mut Vec<u8>) -> io::Result<()> {
    let lost = queue.take_lost();
    if lost > 0 {
        batch.extend(AuditEntry::new("audit_lost").count("lines", lost).line(Wall::now(), &Vec::new()));
    }
    write(queue, sink, batch)
}

/// Writes as much of the batch as possible, and leaves the rest in it.
fn write(queue: &Queue, sink: &mut impl Sink, batch: &mut Vec<u8>) -> io::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    // A user's writer may panic. It isn't known then how much it has written, so the batch counts
    // as lost, and later lines don't wait.
    let (done, result) = catch_unwind(AssertUnwindSafe(|| sink.append(batch))).unwrap_or_else(|_| {
        queue.lose(lines(batch));
        (batch.len(), Err(io::Error::other("the writer panicked, and its lines are lost")))
    });
    batch.drain(..done);
    result
}

fn lines(batch: &[u8]) -> u64 {
    batch.iter().filter(|&&byte| byte == b'\n').count() as u64
}
