//! The bounded queue between the threads that emit events and the writer thread.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long the writer waits after an error before it tries again, unless a flush is requested.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    done: Condvar,
    room: usize,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// Bytes that the writer has taken and not written yet.
    taken: usize,
    lost: u64,
    /// How many lost lines no `audit_lost` line has reported yet.
    lost_unreported: u64,
    /// How many flushes were requested, tried, and done.
    requested: u64,
    tried: u64,
    flushed: u64,
    trouble: Option<Arc<io::Error>>,
    closed: bool,
    ended: bool,
}

/// What the writer has to do.
pub(super) struct Task {
    requested: u64,
    pub(super) is_last: bool,
}

impl Queue {
    pub(super) fn new(room: usize) -> Self {
        Self { state: Mutex::default(), work: Condvar::new(), done: Condvar::new(), room }
    }

    /// Adds a complete line, or counts it as lost. It never waits for the disk.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.closed || state.lines.len() + state.taken + line.len() > self.room {
            state.lost += 1;
            state.lost_unreported += 1;
            return;
        }
        let is_first = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        drop(state);
        if is_first {
            self.work.notify_one();
        }
    }

    /// Waits until every earlier line is written, or an attempt to write it has failed.
    pub(super) fn flush(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.requested += 1;
        let requested = state.requested;
        self.work.notify_one();
        let state = self
            .done
            .wait_while(state, |state| state.tried < requested && !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        match &state.trouble {
            _ if state.flushed >= requested => Ok(()),
            Some(error) => Err(io::Error::new(error.kind(), Arc::clone(error))),
            None => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the audit is closed")),
        }
    }

    /// Ends the writer after one more attempt.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
    }

    pub(super) fn lost(&self) -> u64 {
        self.lock().lost
    }

    pub(super) fn trouble(&self) -> Option<Arc<io::Error>> {
        self.lock().trouble.clone()
    }

    /// Waits for work, and moves the waiting lines to the writer's batch.
    pub(super) fn take(&self, batch: &mut Vec<u8>) -> Task {
        let state = self.lock();
        let is_requested = |state: &State| state.closed || state.requested > state.tried;
        let mut state = if state.trouble.is_some() {
            let waited = self.work.wait_timeout_while(state, PAUSE, |state| !is_requested(state));
            waited.unwrap_or_else(PoisonError::into_inner).0
        } else {
            let is_idle =
                |state: &mut State| !is_requested(state) && state.lines.is_empty() && state.lost_unreported == 0;
            self.work.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner)
        };
        batch.append(&mut state.lines);
        state.taken = batch.len();
        Task { requested: state.requested, is_last: state.closed }
    }

    /// Returns how many lost lines no `audit_lost` line has reported yet, and resets this number.
    pub(super) fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.lock().lost_unreported)
    }

    /// Counts lines of the writer's batch as lost.
    pub(super) fn lose(&self, lines: u64) {
        let mut state = self.lock();
        state.lost += lines;
        state.lost_unreported += lines;
    }

    /// Records the result of a task: `left` bytes of the batch remain. Returns whether the error is
    /// new.
    pub(super) fn answer(&self, task: &Task, left: usize, trouble: Option<io::Error>) -> bool {
        let mut state = self.lock();
        state.taken = left;
        state.tried = task.requested;
        if trouble.is_none() {
            state.flushed = task.requested;
        }
        let is_new = trouble.is_some() && state.trouble.is_none();
        let former = std::mem::replace(&mut state.trouble, trouble.map(Arc::new));
        drop(state);
        self.done.notify_all();
        // Dropping the error may run code of the user's writer, so it is dropped after the lock is
        // released.
        drop(former);
        is_new
    }

    /// The writer has ended.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.done.notify_all();
    }

    // No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
