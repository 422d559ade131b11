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

use crate::{Cause, How};

thread_local! {
    static WORDS: Words = const {
        Words {
            said: Cell::new(Said::Nothing),
            of: Cell::new(Of::Error),
            cause: Cell::new(Cause::Failure),
            how: Cell::new(How::PLAIN),
            is_cut_off: Cell::new(false),
            innermost: Cell::new(0),
            further_out: Cell::new([0; BUDGETS_KNOWN - 1]),
            accounted: Cell::new(0),
        }
    };
}

/// Each in a cell of its own: nearly always there is nothing to say, and nobody around, and then a flag is all that is looked at.
struct Words {
    said: Cell<Said>,
    /// The others are of no meaning unless it is said that they are.
    of: Cell<Of>,
    cause: Cell<Cause>,
    how: Cell<How>,
    is_cut_off: Cell<bool>,
    /// The budget of the innermost retry around a call; 0 is none.
    innermost: Cell<usize>,
    /// Those around it, the innermost first.
    further_out: Cell<[usize; BUDGETS_KNOWN - 1]>,
    /// A bit for each budget, the innermost first: it was told what came of the attempt that is being made.
    accounted: Cell<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    /// Nothing but this, as of most calls that are rejected: less to write than all that could be said.
    Cause,
    All,
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
    say_because(Of::Error, cause);
}

/// Says why the result that is about to be returned is what it is.
#[inline]
pub(crate) fn because<Res, Err>(result: &Result<Res, Err>, cause: Cause) {
    say_because(Of::this(result), cause);
}

#[inline]
fn say_because(of: Of, cause: Cause) {
    WORDS.with(|words| {
        words.cause.set(cause);
        words.of.set(of);
        words.said.set(Said::Cause);
    });
}

/// Says of a result that is about to be returned what was taken, or found out.
#[inline]
pub(crate) fn pass_on<Res, Err>(result: &Result<Res, Err>, how: Option<How>) {
    match how {
        None => clear(),
        Some(how) => say_of(Of::this(result), how),
    }
}

#[cold]
fn say_of(of: Of, how: How) {
    WORDS.with(|words| {
        words.how.set(how);
        words.of.set(of);
        words.said.set(Said::All);
    });
}

/// Forgets what was said before, by layers whose result has been used up on the way.
#[inline]
pub(crate) fn clear() {
    WORDS.with(|words| words.said.set(Said::Nothing));
}

/// The same, where that is nearly always so: a look is less than a write, as a processor makes one of those in a cycle.
#[inline]
pub(crate) fn clear_again() {
    if !is_silent() {
        clear();
    }
}

/// Whether nothing was said, as nearly always.
#[inline]
pub(crate) fn is_silent() -> bool {
    WORDS.with(|words| words.said.get() == Said::Nothing)
}

/// What was said of the result that has just been returned.
#[inline]
pub(crate) fn take<Res, Err>(result: &Result<Res, Err>) -> Option<How> {
    if is_silent() { None } else { take_of(Of::this(result)) }
}

#[cold]
fn take_of(this: Of) -> Option<How> {
    WORDS.with(|words| {
        let how = match words.said.replace(Said::Nothing) {
            Said::Nothing => return None,
            Said::Cause => How::because(words.cause.get()),
            Said::All => words.how.get(),
        };
        (words.of.get() == this).then_some(how)
    })
}

/// Runs `drop_call`, which drops a call that took too long: within it, a dropped permit is a failure and not a caller
/// who lost interest.
pub(crate) fn cut_off<T>(drop_call: impl FnOnce() -> T) -> T {
    struct Restore(bool);

    // Also when a drop panics.
    impl Drop for Restore {
        fn drop(&mut self) {
            WORDS.with(|words| words.is_cut_off.set(self.0));
        }
    }

    let _restore = Restore(WORDS.with(|words| words.is_cut_off.replace(true)));
    drop_call()
}

/// Whether calls are being dropped because they took too long.
pub(crate) fn is_cut_off() -> bool {
    WORDS.with(|words| words.is_cut_off.get())
}

/// Of how many budgets around a call is known that it has been deposited into: who nests more than these deposits once
/// more.
const BUDGETS_KNOWN: usize = 4;

impl Words {
    /// How far out this budget is: 0 is the innermost one.
    #[inline]
    fn find(&self, budget: usize) -> Option<usize> {
        match self.innermost.get() {
            // Nobody around, mostly.
            0 => None,
            innermost if innermost == budget => Some(0),
            _ => self.find_further_out(budget),
        }
    }

    #[cold]
    #[inline]
    fn find_further_out(&self, budget: usize) -> Option<usize> {
        if budget == 0 {
            return None;
        }
        self.further_out.get().iter().position(|&around| around == budget).map(|place| place + 1)
    }
}

/// While this is held, what is polled or called is inside a retry that draws on a budget. Dropped, it puts back what was before, also when
/// what is called panics; but what the outermost was told stays written, where nobody reads it.
pub(crate) struct Within {
    budget: usize,
    /// The innermost one before; 0 is none.
    innermost: usize,
    /// Only written if there was one.
    further_out: [usize; BUDGETS_KNOWN - 1],
    /// As those.
    accounted: u8,
}

impl Within {
    /// Begins, with the budget at this address; `None` for none.
    #[inline]
    pub(crate) fn budget(budget: usize) -> Option<Self> {
        if budget == 0 {
            return None;
        }
        Some(WORDS.with(|words| {
            let innermost = words.innermost.replace(budget);
            let (mut further_out, mut accounted) = Default::default();
            if innermost != 0 {
                (further_out, accounted) = (words.further_out.get(), words.accounted.get());
                let [second, third, _] = further_out;
                words.further_out.set([innermost, second, third]);
            }
            words.accounted.set(0);
            Self { budget, innermost, further_out, accounted }
        }))
    }

    /// Ends. Whether a retry further in has told the budget what came of the attempt.
    #[inline]
    pub(crate) fn ends(self) -> bool {
        let budget = self.budget;
        let accounted = WORDS.with(|words| words.accounted.get());
        drop(self);
        accounted != 0 && pass_accounts(budget, accounted)
    }
}

impl Drop for Within {
    #[inline]
    fn drop(&mut self) {
        WORDS.with(|words| {
            words.innermost.set(self.innermost);
            if self.innermost != 0 {
                words.accounted.set(self.accounted);
                words.further_out.set(self.further_out);
            }
        });
    }
}

#[cold]
#[inline]
fn pass_accounts(budget: usize, accounted: u8) -> bool {
    WORDS.with(|words| words.accounted.set(words.accounted.get() | accounted >> 1));
    let innermost = accounted & 1 != 0;
    if innermost {
        account(budget);
    }
    innermost
}

/// Whether a retry around this one has deposited into the same budget for the same request.
#[inline]
pub(crate) fn is_within_budget(budget: usize) -> bool {
    WORDS.with(|words| words.find(budget).is_some())
}

/// Says to the next retry on this budget around this one that it has been told what came of an attempt.
#[inline]
pub(crate) fn account(budget: usize) {
    WORDS.with(|words| {
        if let Some(place) = words.find(budget) {
            words.accounted.set(words.accounted.get() | 1 << place);
        }
    });
}
