//! Captures the log of the thread of a test.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
};

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Installs a global subscriber that writes each event to the log of its thread. With a subscriber
/// per thread, events would be lost: tracing caches whether any subscriber wants the events of a
/// callsite, and another thread may reach the callsite first.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let log = tracing_subscriber::fmt().with_ansi(false).without_time().with_target(false);
        log.with_writer(|| ToThread).init();
    });
}

/// Runs `run` and returns what it logged on this thread.
pub(crate) async fn logged(run: impl Future<Output = ()>) -> String {
    LOG.take();
    run.await;
    String::from_utf8(LOG.take()).unwrap()
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
