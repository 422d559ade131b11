//! What is logged on the thread of a test.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::Once,
};

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Sends the log of every thread to that thread. Before anything is logged: with a subscriber of one thread only, a line that another
/// thread comes by first may be taken for one that nobody wants to read.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let log = tracing_subscriber::fmt().with_ansi(false).without_time().with_target(false);
        log.with_writer(|| ToThread).init();
    });
}

/// What is logged on this thread meanwhile.
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
