//! Captures the log of a thread, with targets and all levels.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
};

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs `run` and returns the lines that it logged on this thread.
pub(crate) fn lines_of(run: impl FnOnce()) -> Vec<String> {
    listen();
    LOG.take();
    run();
    taken()
}

/// The lines since the last call.
pub(crate) fn taken() -> Vec<String> {
    let text = String::from_utf8(LOG.take()).unwrap();
    text.lines().map(|line| line.trim_start().to_owned()).collect()
}

/// Installs one subscriber for all threads. With a subscriber per thread, events would be lost:
/// tracing caches whether any subscriber wants the events of a callsite.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let log = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).without_time();
        log.with_writer(|| ToThread).init();
    });
}

struct ToThread;

impl Write for ToThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
