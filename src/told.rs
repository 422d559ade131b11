//! What the layers of one call tell each other, past the types.
//!
//! The error type of a service is its own, and a closure that classifies it knows nothing of breakers. So a rejection,
//! the reason why a retry stopped, or which fallback answered, is said beside the result: in a thread-local cell that holds for the one `poll`
//! in which the result is returned. The layer around clears it before that poll and takes it after. Nothing is
//! allocated, nothing is shared between threads, and a task that moves to another thread between two polls loses
//! nothing, as nothing is kept between polls.
//!
//! Code between two layers may use a result up and return another one in the same poll: a handler whose client is behind
//! an open circuit answers from its cache. So what is said holds for an error or for a response, and is not believed of
//! the other; nor is what was said of a response, made by a breaker in place of an answer, believed of one of another type.
//!
//! What runs on another task in between (`tower::buffer`, a spawned call) doesn't pass it on. There the error itself
//! must tell: [`classify::Errors`](crate::classify::Errors) finds a [`Rejection`](crate::Rejection) in a boxed error.
#![cfg_attr(not(all(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]

use std::cell::Cell;

use crate::{Attempt, Cause, How};

thread_local! {
    static SAID: Cell<Option<Said>> = const { Cell::new(None) };
    static CUT: Cell<bool> = const { Cell::new(false) };
    static BUDGETS: Cell<Budgets> = const { Cell::new(Budgets { around: [0; BUDGETS_KNOWN], accounted: 0 }) };
}

#[derive(Clone, Copy)]
struct Said {
    how: How,
    of: Of,
}

/// What it was said of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Error,
    /// A response of the type with this name: two types with one name are taken for the same.
    Response(&'static str),
}

impl Of {
    fn this<Res, Err>(result: &Result<Res, Err>) -> Self {
        if result.is_err() { Self::Error } else { Self::Response(std::any::type_name::<Res>()) }
    }
}

/// Says why the error that is about to be returned is what it is.
pub(crate) fn say(cause: Cause) {
    SAID.set(Some(Said { how: How::because(cause), of: Of::Error }));
}

/// Says of a result that is about to be returned what was taken, or found out.
pub(crate) fn pass_on<Res, Err>(result: &Result<Res, Err>, how: Option<How>) {
    SAID.set(how.map(|how| Said { how, of: Of::this(result) }));
}

/// Forgets what was said before, by layers whose result has been used up on the way.
#[inline]
pub(crate) fn clear() {
    SAID.set(None);
}

/// What was said of the result that has just been returned.
pub(crate) fn take<Res, Err>(result: &Result<Res, Err>) -> Option<How> {
    SAID.take().filter(|said| said.of == Of::this(result)).map(|said| said.how)
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

/// Of how many budgets around a call is known that it has been deposited into: who nests more than these deposits once
/// more.
const BUDGETS_KNOWN: usize = 4;

/// The budgets of the retries around a call.
#[derive(Clone, Copy)]
struct Budgets {
    /// The innermost first; 0 is none.
    around: [usize; BUDGETS_KNOWN],
    /// A bit for each: it was told what came of the attempt that is being made.
    accounted: u8,
}

impl Budgets {
    fn find(&self, budget: usize) -> Option<usize> {
        // Nobody around, mostly: the innermost comes first.
        if self.around[0] == 0 || budget == 0 {
            return None;
        }
        self.around.iter().position(|&around| around == budget)
    }
}

/// Runs `poll`, which polls or calls the service inside a retry that draws on the budget at this address.
pub(crate) fn within_budget<T>(budget: usize, attempt: &mut Attempt, poll: impl FnOnce() -> T) -> T {
    if budget == 0 {
        return poll();
    }
    let before = BUDGETS.get();
    let [first, second, third, _] = before.around;
    BUDGETS.set(Budgets { around: [budget, first, second, third], accounted: 0 });
    let restore = Restore { cell: &BUDGETS, before };
    let polled = poll();
    let accounted = BUDGETS.get().accounted;
    drop(restore);
    if accounted != 0 {
        pass_accounts(budget, attempt, accounted);
    }
    polled
}

#[cold]
fn pass_accounts(budget: usize, attempt: &mut Attempt, accounted: u8) {
    let mut around = BUDGETS.get();
    around.accounted |= accounted >> 1;
    BUDGETS.set(around);
    if accounted & 1 != 0 {
        attempt.set_accounted();
        account(budget);
    }
}

/// Whether a retry around this one has deposited into the same budget for the same request.
#[inline]
pub(crate) fn is_within_budget(budget: usize) -> bool {
    BUDGETS.get().find(budget).is_some()
}

/// Says to the next retry on this budget around this one that it has been told what came of an attempt.
pub(crate) fn account(budget: usize) {
    let mut around = BUDGETS.get();
    if let Some(place) = around.find(budget) {
        around.accounted |= 1 << place;
        BUDGETS.set(around);
    }
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
