//! How a result came about: a note beside the result, from the layer that returns it to the layer around it.
//!
//! - **Writer:** the layer that returns the result, as the last thing it does before it returns.
//! - **Reader:** the layer around it, as the first thing it does with the result. Reading removes the note. [`poll`] and [`call`]
//!   remove an older note, run the inner service, and return its result together with its [`Note`].
//! - **Direction:** outwards.
//! - **Lifetime:** from that return to that read, within one `poll` or one blocking call.
//!
//! A note adds detail to a result. Code between two layers may replace the result in the same poll: a handler whose client is
//! behind an open circuit answers from its cache. So a note also says what it is about, and [`Note::take`] drops what doesn't fit
//! the result at hand:
//!
//! | the note says | it is kept if |
//! |---|---|
//! | anything about a response | the result is a response of the same type |
//! | details about an error | the result is an error |
//! | a rejection | the result has exactly the same type, and the [`Rejection`](crate::Rejection) that it contained still exists, if there was one |
//!
//! What the value itself says overrules the note: see [`evidence`](crate::classify).

use std::{
    any::type_name,
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};

use super::live_rejections;
use crate::{Cause, How};

thread_local! {
    static NOTE: Content = const {
        Content {
            kind: Cell::new(Kind::Nothing),
            about: Cell::new(About::Error("")),
            floor: Cell::new(None),
            cause: Cell::new(Cause::Failure),
            how: Cell::new(How::PLAIN),
        }
    };
}

/// One cell per field: nearly every call writes no note, and then `kind` is all that is read.
struct Content {
    kind: Cell<Kind>,
    /// This and the fields below have a meaning only if `kind` says so.
    about: Cell<About>,
    /// The result contains a `Rejection`: it still exists while there are more than this many.
    floor: Cell<Option<u32>>,
    cause: Cell<Cause>,
    how: Cell<How>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    /// `cause` alone, as for most rejections: less to write than a whole `How`.
    Cause,
    How,
}

/// What a note is about, with the name of the type: two types with one name are taken for the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Error(&'static str),
    Response(&'static str),
}

impl About {
    fn this<Res, Err>(result: &Result<Res, Err>) -> Self {
        match result {
            Ok(_) => Self::Response(type_name::<Res>()),
            Err(_) => Self::Error(type_name::<Err>()),
        }
    }
}

/// What the layer within wrote about the result that it has just returned. It is to be taken before any other code runs.
#[must_use = "a note that isn't taken is read by the layer around"]
#[derive(Clone, Copy)]
pub(crate) struct Note {
    is_empty: bool,
}

/// Polls a future. Returns what it returned, and the note about that.
#[inline(always)]
pub(crate) fn poll<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> (Poll<F::Output>, Note) {
    reset();
    let polled = future.poll(cx);
    (polled, Note { is_empty: is_empty() })
}

/// [`poll`] for a function that blocks.
#[inline]
pub(crate) fn call<T>(function: impl FnOnce() -> T) -> (T, Note) {
    reset();
    let returned = function();
    (returned, Note { is_empty: is_empty() })
}

impl Note {
    /// About a result that no layer within has returned.
    pub(crate) const NONE: Self = Self { is_empty: true };

    /// Whether there is none, as nearly always.
    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        self.is_empty
    }

    /// Removes the note, and returns as much of it as holds for this result.
    #[inline]
    pub(crate) fn take<Res, Err>(self, result: &Result<Res, Err>) -> Option<How> {
        if self.is_empty { None } else { take_about(About::this(result)) }
    }
}

#[cold]
fn take_about(this: About) -> Option<How> {
    NOTE.with(|note| {
        let how = match note.kind.replace(Kind::Nothing) {
            Kind::Nothing => return None,
            Kind::Cause => How::because(note.cause.get()),
            Kind::How => note.how.get(),
        };
        let about = note.about.get();
        if how.rejection().is_none() {
            let fits = matches!((about, this), (About::Error(_), About::Error(_))) || about == this;
            return fits.then_some(how);
        }
        let still_exists = note.floor.get().map(live_rejections::exceed);
        let how = how.held(still_exists == Some(true));
        let fits = about == this && still_exists != Some(false);
        match (about, this) {
            _ if fits => Some(how),
            // Of another error, or one that came of a handled rejection, only details are known.
            (About::Error(_), About::Error(_)) => how.without_rejection(),
            _ => None,
        }
    })
}

/// Writes that the result, which is about to be returned, is a rejection. `floor` is how many `Rejection`s there would be
/// without it.
#[inline]
pub(crate) fn annotate<Res, Err>(result: &Result<Res, Err>, cause: Cause, floor: u32) {
    NOTE.with(|note| {
        note.cause.set(cause);
        note.about.set(About::this(result));
        note.floor.set(live_rejections::exceed(floor).then_some(floor));
        note.kind.set(Kind::Cause);
    });
}

/// Writes that an error, which is about to be returned and contains a `Rejection`, is a rejection.
pub(crate) fn annotate_error<Err>(cause: Cause) {
    NOTE.with(|note| {
        note.cause.set(cause);
        note.about.set(About::Error(type_name::<Err>()));
        note.floor.set(Some(live_rejections::without_one()));
        note.kind.set(Kind::Cause);
    });
}

/// Writes the note of a result that is about to be returned: the one that was [taken](Note::take), or a new one.
#[inline]
pub(crate) fn forward<Res, Err>(result: &Result<Res, Err>, how: Option<How>) {
    match how {
        None => reset(),
        Some(how) => write(About::this(result), how, live_rejections::without_one()),
    }
}

/// [`forward`] for a result that becomes another one: if the `Rejection` in it gets lost on the way, the note says so.
#[inline]
pub(crate) fn forward_mapped<Res, Err, NewRes, NewErr>(
    result: Result<Res, Err>,
    how: Option<How>,
    map: impl FnOnce(Result<Res, Err>) -> Result<NewRes, NewErr>,
) -> Result<NewRes, NewErr> {
    let floor = live_rejections::without_one();
    let result = map(result);
    match how {
        None => reset(),
        Some(how) => write(About::this(&result), how, floor),
    }
    result
}

#[cold]
fn write(about: About, how: How, floor: u32) {
    NOTE.with(|note| {
        note.how.set(how);
        note.about.set(about);
        note.floor.set(how.is_held.then_some(floor));
        note.kind.set(Kind::How);
    });
}

/// Removes the note. It reads before it writes: nearly always there is nothing to remove, and a load costs less than a store.
#[inline]
pub(crate) fn reset() {
    if !is_empty() {
        NOTE.with(|note| note.kind.set(Kind::Nothing));
    }
}

#[inline]
fn is_empty() -> bool {
    NOTE.with(|note| note.kind.get() == Kind::Nothing)
}
