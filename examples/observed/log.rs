//! Log lines in memory.

use std::{
    collections::HashSet,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing::Subscriber;
use tracing_subscriber::{Layer, fmt, registry::LookupSpan};

/// The log as text. A clone is a handle to the same log.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Writes each event as one line, with the seconds since the start.
    pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let log = self.clone();
        let lines = fmt::layer().with_ansi(false).with_target(false).with_timer(fmt::time::uptime());
        lines.with_writer(move || log.clone())
    }

    /// The first line of each message, in the order of time. If there are more than `most`, those
    /// with the lowest levels are left out.
    pub(crate) fn first_of_each_kind(&self, most: usize) -> String {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let log = String::from_utf8_lossy(&log);
        let mut seen = HashSet::new();
        let mut first: Vec<_> = log.lines().enumerate().filter(|(_, line)| seen.insert(message(line))).collect();
        first.sort_by_key(|(_, line)| level(line));
        first.truncate(most);
        first.sort_by_key(|(number, _)| *number);
        first.iter().map(|(_, line)| format!("{line}\n")).collect()
    }
}

/// The position of the line's level among all levels: 0 is an error.
fn level(line: &str) -> usize {
    let level = line.split_whitespace().nth(1);
    ["ERROR", "WARN", "INFO"].iter().position(|&other| level == Some(other)).unwrap_or(3)
}

/// The line without its time, its level and its fields.
fn message(line: &str) -> String {
    let words = line.split_whitespace().skip(2).take_while(|word| !word.contains('='));
    words.collect::<Vec<_>>().join(" ")
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
