//! The thread that writes.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
};

use super::{Entry, queue::Queue};
use crate::{background_log::warn, time::Wall};

/// Where lines go.
pub(super) trait Sink: Send + 'static {
    /// Appends lines, as many as it can, in order: how many bytes are done, and what kept the rest from it.
    fn append(&mut self, lines: &[u8]) -> (usize, io::Result<()>);

    /// What it is called in a warning.
    fn name(&self) -> String;
}

pub(super) fn start(queue: Arc<Queue>, sink: impl Sink) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("audit".to_owned()).spawn(move || write_all(&queue, sink))
}

fn write_all(queue: &Queue, mut sink: impl Sink) {
    let mut batch = Vec::new();
    loop {
        let task = queue.take(&mut batch);
        let result = write(queue, &mut sink, &mut batch).and_then(|()| tell_of_lost(queue, &mut sink, &mut batch));
        let said = result.as_ref().err().map(|error| format!("audit {}: {error}", sink.name()));
        if queue.answer(&task, batch.len(), result.err()) {
            warn(format_args!("{}; lines wait, and are lost when there are too many", said.unwrap_or_default()));
        }
        if task.is_last {
            queue.lose(lines(&batch));
            queue.end();
            return;
        }
    }
}

/// Once there is room: lines were lost when there was none, after those that were in the queue.
fn tell_of_lost(queue: &Queue, sink: &mut impl Sink, batch: &mut Vec<u8>) -> io::Result<()> {
    let lost = queue.take_lost();
    if lost > 0 {
        batch.extend(Entry::new("audit_lost").count("lines", lost).line(Wall::now(), &Vec::new()));
    }
    write(queue, sink, batch)
}

/// Writes what can be written, and leaves the rest.
fn write(queue: &Queue, sink: &mut impl Sink, batch: &mut Vec<u8>) -> io::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    // A writer of the user's own may panic. Nobody knows what it has written then; what comes next must not wait for ever.
    let (done, result) = catch_unwind(AssertUnwindSafe(|| sink.append(batch))).unwrap_or_else(|_| {
        queue.lose(lines(batch));
        (batch.len(), Err(io::Error::other("the writer panicked, and lines are lost")))
    });
    batch.drain(..done);
    result
}

fn lines(batch: &[u8]) -> u64 {
    batch.iter().filter(|&&byte| byte == b'\n').count() as u64
}
