//! Between those who tell and the thread that writes: lines in a buffer that is bounded.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a disk that refused is left alone, unless somebody asks.
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
    /// Bytes that the writer has taken and not got rid of.
    taken: usize,
    lost: u64,
    /// Of those, how many no line has told of.
    lost_untold: u64,
    /// Flushes asked for, tried, and done.
    asked: u64,
    tried: u64,
    flushed: u64,
    trouble: Option<Arc<io::Error>>,
    closed: bool,
    ended: bool,
}

/// What the writer is to do.
pub(super) struct Task {
    asked: u64,
    pub(super) is_last: bool,
}

impl Queue {
    pub(super) fn new(room: usize) -> Self {
        Self { state: Mutex::default(), work: Condvar::new(), done: Condvar::new(), room }
    }

    /// Adds a whole line, or counts it as lost. Never waits for the disk.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.closed || state.lines.len() + state.taken + line.len() > self.room {
            state.lost += 1;
            state.lost_untold += 1;
            return;
        }
        let is_first = state.lines.is_empty();
        state.lines.extend_from_slice(line);
        drop(state);
        if is_first {
            self.work.notify_one();
        }
    }

    /// Waits until all that was pushed before is written, or couldn't be.
    pub(super) fn flush(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.asked += 1;
        let asked = state.asked;
        self.work.notify_one();
        let state = self
            .done
            .wait_while(state, |state| state.tried < asked && !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        match &state.trouble {
            _ if state.flushed >= asked => Ok(()),
            Some(error) => Err(io::Error::new(error.kind(), Arc::clone(error))),
            None => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the audit was closed before")),
        }
    }

    /// Lets the writer end after one more try.
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

    /// Waits for something to do, and adds the lines that wait to those that the writer has.
    pub(super) fn take(&self, batch: &mut Vec<u8>) -> Task {
        let state = self.lock();
        let is_asked = |state: &State| state.closed || state.asked > state.tried;
        let mut state = if state.trouble.is_some() {
            let waited = self.work.wait_timeout_while(state, PAUSE, |state| !is_asked(state));
            waited.unwrap_or_else(PoisonError::into_inner).0
        } else {
            let is_idle = |state: &mut State| !is_asked(state) && state.lines.is_empty() && state.lost_untold == 0;
            self.work.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner)
        };
        batch.append(&mut state.lines);
        state.taken = batch.len();
        Task { asked: state.asked, is_last: state.closed }
    }

    /// How many lines were lost of which no line has told.
    pub(super) fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.lock().lost_untold)
    }

    /// Counts lines as lost that the writer had.
    pub(super) fn lose(&self, lines: u64) {
        let mut state = self.lock();
        state.lost += lines;
        state.lost_untold += lines;
    }

    /// What became of a task: of the batch, this is left. Whether the trouble is new.
    pub(super) fn answer(&self, task: &Task, left: usize, trouble: Option<io::Error>) -> bool {
        let mut state = self.lock();
        state.taken = left;
        state.tried = task.asked;
        if trouble.is_none() {
            state.flushed = task.asked;
        }
        let is_new = trouble.is_some() && state.trouble.is_none();
        let former = std::mem::replace(&mut state.trouble, trouble.map(Arc::new));
        drop(state);
        self.done.notify_all();
        // It may be an error of the user's writer, and is dropped after the lock.
        drop(former);
        is_new
    }

    /// Nobody writes any more.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.done.notify_all();
    }

    // Nothing panics while it is locked.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
