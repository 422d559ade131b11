//! Between those who want to have something saved and the thread that saves: one write for all who ask meanwhile.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::StoreError;

/// How long a disk that refused is left alone, unless somebody asks.
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
    /// Something changed since the last snapshot.
    dirty: bool,
    /// Saves that were asked for, tried, and done. A save counts for whoever had asked before it began.
    asked: u64,
    tried: u64,
    saved: u64,
    trouble: Option<StoreError>,
    /// By the save that they wait for; the latest of each.
    wakers: Vec<(u64, Waker)>,
    closed: bool,
}

/// A save that is to be made.
pub(super) struct Task {
    asked: u64,
    pub(super) is_last: bool,
}

impl GroupCommit {
    pub(super) fn new() -> Self {
        let state = State {
            every: Duration::from_millis(100),
            dirty: false,
            asked: 0,
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

    /// Something changed, and may be saved when it suits.
    pub(super) fn changed(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.dirty, true) {
            drop(state);
            self.work.notify_one();
        }
    }

    /// Asks for a save that begins after this.
    pub(super) fn ask(&self) -> u64 {
        let mut state = self.lock();
        state.asked += 1;
        self.work.notify_one();
        state.asked
    }

    pub(super) fn wait(&self, asked: u64) -> Result<(), StoreError> {
        let waited = self.done.wait_while(self.lock(), |state| state.answer(asked).is_none());
        waited.unwrap_or_else(PoisonError::into_inner).answer(asked).unwrap_or(Ok(()))
    }

    pub(super) fn poll(&self, asked: u64, cx: &Context<'_>) -> Poll<Result<(), StoreError>> {
        // Wakers are others' code: they are cloned, dropped and woken without the lock.
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if let Some(answer) = state.answer(asked) {
            drop(state);
            return Poll::Ready(answer);
        }
        // Those of waits that were dropped go with the next answer.
        let former = match state.wakers.iter_mut().find(|(known, _)| *known == asked) {
            Some((_, known)) => Some(std::mem::replace(known, waker)),
            None => {
                state.wakers.push((asked, waker));
                None
            }
        };
        drop(state);
        drop(former);
        Poll::Pending
    }

    /// Lets the writer end after one more save.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
    }

    pub(super) fn trouble(&self) -> Option<StoreError> {
        self.lock().trouble.clone()
    }

    /// Waits until there is something to save.
    pub(super) fn take(&self) -> Task {
        let is_urgent = |state: &State| state.closed || state.asked > state.tried;
        let idle = self.work.wait_while(self.lock(), |state| !is_urgent(state) && !state.dirty);
        let state = idle.unwrap_or_else(PoisonError::into_inner);
        let pause = if state.trouble.is_some() { PAUSE.max(state.every) } else { state.every };
        // More may change meanwhile.
        let waited = self.work.wait_timeout_while(state, pause, |state| !is_urgent(state));
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.dirty = false;
        Task { asked: state.asked, is_last: state.closed }
    }

    /// What became of a save. Whether the trouble is new.
    pub(super) fn answer(&self, task: &Task, result: Result<(), StoreError>) -> bool {
        let mut state = self.lock();
        let is_new = result.is_err() && state.trouble.is_none();
        state.tried = task.asked;
        match result {
            Ok(()) => {
                state.saved = task.asked;
                state.trouble = None;
            }
            Err(error) => {
                // A disk gets better by itself, a part that panics doesn't.
                state.dirty |= matches!(error, StoreError::Io { .. });
                state.trouble = Some(error);
            }
        }
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.done.notify_all();
        for (_, waker) in wakers {
            // A waker that panics must not end the writer, nor keep others from being woken.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
        is_new
    }

    // Nothing panics while it is locked.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What became of a save that was asked for: good if it, or a later one, was.
    fn answer(&self, asked: u64) -> Option<Result<(), StoreError>> {
        match &self.trouble {
            _ if self.saved >= asked => Some(Ok(())),
            Some(error) if self.tried >= asked => Some(Err(error.clone())),
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
    fn one_save_is_for_all_who_had_asked_before_it_began_and_for_nobody_else() {
        let commits = GroupCommit::new();
        let before = [commits.ask(), commits.ask(), commits.ask()];
        let task = commits.take();
        let after = commits.ask();
        assert!(!commits.answer(&task, Ok(())));
        for asked in before {
            commits.wait(asked).unwrap();
        }
        assert!(commits.lock().answer(after).is_none());
        let task = commits.take();
        assert!(commits.answer(&task, Err(disk_is_full())));
        for asked in before {
            commits.wait(asked).unwrap();
        }
        commits.wait(after).unwrap_err();
    }

    #[test]
    fn a_later_save_is_good_for_those_whose_own_had_failed() {
        let commits = GroupCommit::new();
        let asked = commits.ask();
        let task = commits.take();
        assert!(commits.answer(&task, Err(disk_is_full())), "new trouble");
        commits.ask();
        let task = commits.take();
        assert!(!commits.answer(&task, Err(disk_is_full())), "the same trouble is no news");
        commits.ask();
        let task = commits.take();
        commits.answer(&task, Ok(()));
        commits.wait(asked).unwrap();
        assert!(commits.trouble().is_none());
    }

    #[test]
    fn a_wait_has_one_waker_however_often_it_is_polled() {
        let commits = GroupCommit::new();
        let asked = commits.ask();
        let cx = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            assert!(commits.poll(asked, &cx).is_pending());
        }
        assert_eq!(commits.lock().wakers.len(), 1);
        let task = commits.take();
        commits.answer(&task, Ok(()));
        assert!(commits.poll(asked, &cx).is_ready() && commits.lock().wakers.is_empty());
    }

    #[test]
    fn what_changes_during_a_save_is_saved_by_the_next_one() {
        let commits = GroupCommit::new();
        commits.ask();
        commits.changed();
        let task = commits.take();
        assert!(!commits.lock().dirty);
        commits.changed();
        commits.answer(&task, Ok(()));
        assert!(commits.lock().dirty);
    }

    #[test]
    fn a_disk_is_tried_again_by_itself_and_a_part_that_panics_is_not() {
        let panicked = StoreError::Part { name: "a".to_owned(), why: "it panicked".to_owned() };
        for (error, again) in [(disk_is_full(), true), (panicked, false)] {
            let commits = GroupCommit::new();
            commits.ask();
            let task = commits.take();
            commits.answer(&task, Err(error));
            assert_eq!(commits.lock().dirty, again);
        }
    }
}
