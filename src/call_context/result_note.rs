//! How a result came about: a note beside the result, from the layer that returns it to the layer around it.
//!
//! - **Writer:** the layer that returns the result, as the last thing it does before it returns.
//! - **Reader:** the layer around it, as the first thing it does with the result. Reading removes the note.
//! - **Direction:** outwards.
//! - **Lifetime:** from that return to that read, within one `poll` or one blocking call. The reader resets the note before it
//!   polls, so that it can't read an older one.
//!
//! A layer in between may replace the result in the same poll: a handler whose client is behind an open circuit answers from
//! its cache. So a note names what it is about: an error, or a response of one type. A reader discards a note about anything
//! else.

use std::cell::Cell;

use crate::{Cause, How};

thread_local! {
    static NOTE: Note = const {
        Note {
            content: Cell::new(Content::Nothing),
            about: Cell::new(About::Error),
            cause: Cell::new(Cause::Failure),
            how: Cell::new(How::PLAIN),
        }
    };
}

/// One cell per field: nearly every call writes no note, and then `content` is all that is read.
struct Note {
    content: Cell<Content>,
    /// This and the fields below have a meaning only if `content` says so.
    about: Cell<About>,
    cause: Cell<Cause>,
    how: Cell<How>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Nothing,
    /// `cause` alone, as for most rejections: less to write than a whole `How`.
    Cause,
    How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Error,
    /// A response of the type with this name.
    Response(&'static str),
}

impl About {
    fn this<Res, Err>(result: &Result<Res, Err>) -> Self {
        if result.is_err() { Self::Error } else { Self::Response(std::any::type_name::<Res>()) }
    }
}

/// Writes why the error that is about to be returned came about.
pub(crate) fn annotate_error(cause: Cause) {
    write_cause(About::Error, cause);
}

/// Writes why the result that is about to be returned came about.
#[inline]
pub(crate) fn annotate<Res, Err>(result: &Result<Res, Err>, cause: Cause) {
    write_cause(About::this(result), cause);
}

#[inline]
fn write_cause(about: About, cause: Cause) {
    NOTE.with(|note| {
        note.cause.set(cause);
        note.about.set(about);
        note.content.set(Content::Cause);
    });
}

/// Writes the note of a result that is about to be returned: the one that was [taken](take), or a new one.
#[inline]
pub(crate) fn forward<Res, Err>(result: &Result<Res, Err>, how: Option<How>) {
    match how {
        None => NOTE.with(|note| note.content.set(Content::Nothing)),
        Some(how) => write(About::this(result), how),
    }
}

#[cold]
fn write(about: About, how: How) {
    NOTE.with(|note| {
        note.how.set(how);
        note.about.set(about);
        note.content.set(Content::How);
    });
}

/// Removes the note of a result that the layers in between have used up. It reads before it writes: nearly always there is
/// nothing to remove, and a load costs less than a store.
#[inline]
pub(crate) fn reset() {
    if !is_empty() {
        NOTE.with(|note| note.content.set(Content::Nothing));
    }
}

/// Whether there is no note.
#[inline]
pub(crate) fn is_empty() -> bool {
    NOTE.with(|note| note.content.get() == Content::Nothing)
}

/// Removes and returns the note of the result that has just been returned.
#[inline]
pub(crate) fn take<Res, Err>(result: &Result<Res, Err>) -> Option<How> {
    if is_empty() { None } else { take_about(About::this(result)) }
}

#[cold]
fn take_about(this: About) -> Option<How> {
    NOTE.with(|note| {
        let how = match note.content.replace(Content::Nothing) {
            Content::Nothing => return None,
            Content::Cause => How::because(note.cause.get()),
            Content::How => note.how.get(),
        };
        (note.about.get() == this).then_some(how)
    })
}
