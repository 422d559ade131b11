//! Group commit: handles request saves, the writer thread performs them, and one write serves all
//! waiting requests.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::StoreError;

/// How long the writer waits after an error before it tries again, unless a save is requested.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct GroupCommit {
    state: Mutex<State>,
    work: Condvar,
    done: Condvar,
}

#[derive(Debug)]
struct State {
    every: Duration,
    /// Something has changed since the last snapshot.
    dirty: bool,
    /// How many saves were requested, tried, and done. A save counts for all requests that were
    /// made before it started.
    requested: u64,
    tried: u64,
    saved: u64,
    trouble: Option<StoreError>,
    /// The latest waker per request, by the request's number.
    wakers: Vec<(u64, Waker)>,
    closed: bool,
}

/// A save for the writer to make.
pub(super) struct Task {
    requested: u64,
    pub(super) is_last: bool,
}

impl GroupCommit {
    pub(super) fn new() -> Self {
        let state = State {
            every: Duration::from_millis(100),
            dirty: false,
            requested: 0,
            tried: 0,
            saved: 0,
            trouble: None,
            wakers: Vec::new(),
            closed: false,
        };
        Self { state: Mutex::new(state), work: Condvar::new(), done: Condvar::new() }
    }

    pub(super) fn set_every(&self, every: Duration) {
        self.lock().every = every;
    }

    /// Records a change, which the writer saves after the write interval.
    pub(super) fn changed(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.dirty, true) {
            drop(state);
            self.work.notify_one();
        }
    }

    /// Requests a save that starts after this call. Returns the request's number.
    pub(super) fn request(&self) -> u64 {
        let mut state = self.lock();
        state.requested += 1;
        self.work.notify_one();
        state.requested
    }

    pub(super) fn wait(&self, requested: u64) -> Result<(), StoreError> {
        let waited = self.done.wait_while(self.lock(), |state| state.result_of(requested).is_none());
        waited.unwrap_or_else(PoisonError::into_inner).result_of(requested).unwrap_or(Ok(()))
    }

    pub(super) fn poll(&self, requested: u64, cx: &Context<'_>) -> Poll<Result<(), StoreError>> {
        // A waker is the executor's code, so it is cloned, dropped and woken without the lock.
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if let Some(answer) = state.result_of(requested) {
            drop(state);
            return Poll::Ready(answer);
        }
        // Wakers of dropped waits are removed with the next result.
        let former = match state.wakers.iter_mut().find(|(known, _)| *known == requested) {
            Some((_, known)) => Some(std::mem::replace(known, waker)),
            None => {
                state.wakers.push((requested, waker));
                None
            }
        };
        drop(state);
        drop(former);
        Poll::Pending
    }

    /// Ends the writer after one more save.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
    }

    pub(super) fn trouble(&self) -> Option<StoreError> {
        self.lock().trouble.clone()
    }

    /// Waits until there is something to save.
    pub(super) fn take(&self) -> Task {
        let is_urgent = |state: &State| state.closed || state.requested > state.tried;
        let idle = self.work.wait_while(self.lock(), |state| !is_urgent(state) && !state.dirty);
        let state = idle.unwrap_or_else(PoisonError::into_inner);
        let pause = if state.trouble.is_some() { PAUSE.max(state.every) } else { state.every };
        // Waits for further changes, so that one write saves all of them.
        let waited = self.work.wait_timeout_while(state, pause, |state| !is_urgent(state));
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.dirty = false;
        Task { requested: state.requested, is_last: state.closed }
    }

    /// Records the result of a save. Returns whether the error is new.
    pub(super) fn finish(&self, task: &Task, result: Result<(), StoreError>) -> bool {
        let mut state = self.lock();
        let is_new = result.is_err() && state.trouble.is_none();
        state.tried = task.requested;
        match result {
            Ok(()) => {
                state.saved = task.requested;
                state.trouble = None;
            }
            Err(error) => {
                // A disk may recover by itself, so the write is tried again. A part that panics
                // doesn't recover.
                state.dirty |= matches!(error, StoreError::Io { .. });
                state.trouble = Some(error);
            }
        }
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.done.notify_all();
        for (_, waker) in wakers {
            // A waker that panics must not end the writer, or prevent the others from being woken.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
        is_new
    }

    // No code panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The result of a request: `Ok` if its save, or a later one, was done.
    fn result_of(&self, requested: u64) -> Option<Result<(), StoreError>> {
        match &self.trouble {
            _ if self.saved >= requested => Some(Ok(())),
            Some(error) if self.tried >= requested => Some(Err(error.clone())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk_is_full() -> StoreError {
        StoreError::io("write", "state.json.tmp")(std::io::ErrorKind::StorageFull.into())
    }

    #[test]
    fn one_save_serves_the_requests_made_before_it_started() {
        let commits = GroupCommit::new();
        let before = [commits.request(), commits.request(), commits.request()];
        let task = commits.take();
        let after = commits.request();
        assert!(!commits.finish(&task, Ok(())));
        for requested in before {
            commits.wait(requested).unwrap();
        }
        assert!(commits.lock().result_of(after).is_none());
        let task = commits.take();
        assert!(commits.finish(&task, Err(disk_is_full())));
        for requested in before {
            commits.wait(requested).unwrap();
        }
        commits.wait(after).unwrap_err();
    }

    #[test]
    fn a_later_save_serves_requests_whose_own_save_failed() {
        let commits = GroupCommit::new();
        let requested = commits.request();
        let task = commits.take();
        assert!(commits.finish(&task, Err(disk_is_full())), "the error is new");
        commits.request();
        let task = commits.take();
        assert!(!commits.finish(&task, Err(disk_is_full())), "the same error isn't new");
        commits.request();
        let task = commits.take();
        commits.finish(&task, Ok(()));
        commits.wait(requested).unwrap();
        assert!(commits.trouble().is_none());
    }

    #[test]
    fn a_wait_keeps_one_waker_however_often_it_is_polled() {
        let commits = GroupCommit::new();
        let requested = commits.request();
        let cx = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            assert!(commits.poll(requested, &cx).is_pending());
        }
        assert_eq!(commits.lock().wakers.len(), 1);
        let task = commits.take();
        commits.finish(&task, Ok(()));
        assert!(commits.poll(requested, &cx).is_ready() && commits.lock().wakers.is_empty());
    }

    #[test]
    fn a_change_during_a_save_is_saved_by_the_next_one() {
        let commits = GroupCommit::new();
        commits.request();
        commits.changed();
        let task = commits.take();
        assert!(!commits.lock().dirty);
        commits.changed();
        commits.finish(&task, Ok(()));
        assert!(commits.lock().dirty);
    }

    #[test]
    fn a_disk_error_is_retried_and_a_panicking_part_is_not() {
        let panicked = StoreError::Part { name: "a".to_owned(), why: "it panicked".to_owned() };
        for (error, again) in [(disk_is_full(), true), (panicked, false)] {
            let commits = GroupCommit::new();
            commits.request();
            let task = commits.take();
            commits.finish(&task, Err(error));
            assert_eq!(commits.lock().dirty, again);
        }
    }
}
