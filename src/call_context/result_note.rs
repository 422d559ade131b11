//! How a result came about: a note from the layer that returns the result to the layer around it.
//!
//! - **Writer:** the layer that returns the result, immediately before it returns.
//! - **Reader:** the layer around it, immediately after the inner layer has returned. Reading
//!   removes the note. [`poll`] and [`call`] remove an older note, run the inner service, and
//!   return its result together with its [`Note`].
//! - **Direction:** outwards.
//! - **Lifetime:** from that return to that read, within one `poll` or one blocking call.
//!
//! A note adds detail to a result. Code between two layers may replace the result in the same poll:
//! for example, a handler whose client has an open circuit answers from its cache. So a note also
//! records which result it describes, and [`Note::take`] keeps only what fits the result that it is
//! called with:
//!
//! | the note describes | it is kept if |
//! |---|---|
//! | a response | the result is a response of the same type |
//! | an error: details | the result is an error |
//! | a rejection | the result has exactly the same type, and the [`Rejection`](crate::Rejection) that it contained still exists, if there was one |
//!
//! What the value itself shows overrules the note: see [`evidence`](crate::classify).

use std::{
    any::type_name,
    cell::Cell,
    pin::Pin,
    task::{Context, Poll},
};

use super::live_rejections;
use crate::{CallReport, Cause};

thread_local! {
    static NOTE: Content = const {
        Content {
            kind: Cell::new(Kind::Nothing),
            about: Cell::new(About::Error("")),
            floor: Cell::new(None),
            cause: Cell::new(Cause::Failure),
            how: Cell::new(CallReport::PLAIN),
        }
    };
}

/// One cell per field. Nearly every call writes no note, and then only `kind` is read.
struct Content {
    kind: Cell<Kind>,
    /// This field and those below are only valid if `kind` says so.
    about: Cell<About>,
    /// Set if the result contains a `Rejection`: that one exists as long as this thread has more
    /// `Rejection`s than this.
    floor: Cell<Option<u32>>,
    cause: Cell<Cause>,
    how: Cell<CallReport>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    /// Only `cause` is set, as for most rejections. Writing it costs less than writing a
    /// `CallReport`.
    Cause,
    CallReport,
}

/// The result that a note describes, with the name of its type. Two types with the same name can't
/// be distinguished.
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

/// The note of the inner layer about the result that it has just returned. Take it before any other
/// code runs.
#[must_use = "the layer around reads a note that isn't taken"]
#[derive(Clone, Copy)]
pub(crate) struct Note {
    is_empty: bool,
}

/// Polls a future. Returns its result and the note about it.
#[inline(always)]
pub(crate) fn poll<Fut: Future>(future: Pin<&mut Fut>, cx: &mut Context<'_>) -> (Poll<Fut::Output>, Note) {
    reset();
    let polled = future.poll(cx);
    (polled, Note { is_empty: is_empty() })
}

/// [`poll`] for a blocking function.
#[inline]
pub(crate) fn call<T>(function: impl FnOnce() -> T) -> (T, Note) {
    reset();
    let returned = function();
    (returned, Note { is_empty: is_empty() })
}

impl Note {
    /// The note of a result that no inner layer has returned.
    pub(crate) const NONE: Self = Self { is_empty: true };

    /// Whether there is no note, which is the usual case.
    #[inline(always)]
    pub(crate) fn is_empty(self) -> bool {
        self.is_empty
    }

    /// Removes the note. Returns the part of it that fits this result.
    #[inline]
    pub(crate) fn take<Res, Err>(self, result: &Result<Res, Err>) -> Option<CallReport> {
        if self.is_empty { None } else { take_about(About::this(result)) }
    }
}

#[cold]
fn take_about(this: About) -> Option<CallReport> {
    NOTE.with(|note| {
        let how = match note.kind.replace(Kind::Nothing) {
            Kind::Nothing => return None,
            Kind::Cause => CallReport::failed_because(note.cause.get()),
            Kind::CallReport => note.how.get(),
        };
        let about = note.about.get();
        if how.rejection().is_none() {
            let fits = matches!((about, this), (About::Error(_), About::Error(_))) || about == this;
            return fits.then_some(how);
        }
        let still_exists = note.floor.get().map(live_rejections::exceed);
        let how = how.with_held_rejection(still_exists == Some(true));
        let fits = about == this && still_exists != Some(false);
        match (about, this) {
            _ if fits => Some(how),
            // Another error, or an error after a handled rejection: only the details are kept.
            (About::Error(_), About::Error(_)) => how.without_rejection(),
            _ => None,
        }
    })
}

/// Writes a note that the result, which is about to be returned, is a rejection. `floor` is the
/// number of `Rejection`s that would exist without it.
#[inline]
pub(crate) fn annotate<Res, Err>(result: &Result<Res, Err>, cause: Cause, floor: u32) {
    NOTE.with(|note| {
        note.cause.set(cause);
        note.about.set(About::this(result));
        note.floor.set(live_rejections::exceed(floor).then_some(floor));
        note.kind.set(Kind::Cause);
    });
}

/// Writes a note that an error, which is about to be returned and contains a `Rejection`, is a
/// rejection.
pub(crate) fn annotate_error<Err>(cause: Cause) {
    NOTE.with(|note| {
        note.cause.set(cause);
        note.about.set(About::Error(type_name::<Err>()));
        note.floor.set(Some(live_rejections::without_one()));
        note.kind.set(Kind::Cause);
    });
}

/// Writes the note of a result that is about to be returned: the one that was [taken](Note::take),
/// or a new one.
#[inline]
pub(crate) fn forward<Res, Err>(result: &Result<Res, Err>, how: Option<CallReport>) {
    match how {
        None => reset(),
        Some(how) => write(About::this(result), how, live_rejections::without_one()),
    }
}

/// [`forward`] for a result that is converted into another. If the conversion drops the `Rejection`
/// in it, the note records that.
#[inline]
pub(crate) fn forward_mapped<Res, Err, NewRes, NewErr>(
    result: Result<Res, Err>,
    how: Option<CallReport>,
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
fn write(about: About, how: CallReport, floor: u32) {
    NOTE.with(|note| {
        note.how.set(how);
        note.about.set(about);
        note.floor.set(how.holds_rejection.then_some(floor));
        note.kind.set(Kind::CallReport);
    });
}

/// Removes the note. It reads before it writes, because there is seldom a note, and a load is
/// cheaper than a store.
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
