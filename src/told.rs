//! What the layers of one call tell each other, past the types.
//!
//! The error type of a service is its own, and a closure that classifies it knows nothing of breakers. So a rejection,
//! or the reason why a retry stopped, is said beside the result: in a thread-local cell that holds for the one `poll`
//! in which the result is returned. The layer around clears it before that poll and takes it after. Nothing is
//! allocated, nothing is shared between threads, and a task that moves to another thread between two polls loses
//! nothing, as nothing is kept between polls.
//!
//! What runs on another task in between (`tower::buffer`, a spawned call) doesn't pass it on. There the error itself
//! must tell: [`classify::Errors`](crate::classify::Errors) finds a [`Rejection`](crate::Rejection) in a boxed error.
#![cfg_attr(not(all(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]

use std::cell::Cell;

use crate::Cause;

thread_local! {
    static SAID: Cell<Option<Cause>> = const { Cell::new(None) };
    static CUT: Cell<bool> = const { Cell::new(false) };
    static BUDGET: Cell<usize> = const { Cell::new(0) };
}

/// Says why the result that is about to be returned is what it is.
pub(crate) fn say(cause: Cause) {
    SAID.set(Some(cause));
}

/// Says again what was taken.
pub(crate) fn pass_on(cause: Option<Cause>) {
    SAID.set(cause);
}

/// Forgets what was said before, by layers whose result has been used up on the way.
pub(crate) fn clear() {
    SAID.set(None);
}

/// What was said of the result that has just been returned.
pub(crate) fn take() -> Option<Cause> {
    SAID.take()
}

/// Runs `drop_call`, which drops a call that took too long: within it, a dropped permit is a failure and not a caller
/// who lost interest.
pub(crate) fn cut_off(drop_call: impl FnOnce()) {
    let _restore = Restore { cell: &CUT, before: CUT.replace(true) };
    drop_call();
}

/// Whether calls are being dropped because they took too long.
pub(crate) fn is_cut_off() -> bool {
    CUT.get()
}

/// Runs `attempt`, which polls or calls the service inside a retry that draws on the budget at this address.
pub(crate) fn within_budget<T>(budget: usize, attempt: impl FnOnce() -> T) -> T {
    if budget == 0 {
        return attempt();
    }
    let _restore = Restore { cell: &BUDGET, before: BUDGET.replace(budget) };
    attempt()
}

/// Whether a retry around this one has deposited into the same budget for the same request.
pub(crate) fn is_within_budget(budget: usize) -> bool {
    budget != 0 && BUDGET.get() == budget
}

/// Puts a cell back as it was, also when what it was changed for panics.
struct Restore<T: Copy + 'static> {
    cell: &'static std::thread::LocalKey<Cell<T>>,
    before: T,
}

impl<T: Copy + 'static> Drop for Restore<T> {
    fn drop(&mut self) {
        self.cell.set(self.before);
    }
}
