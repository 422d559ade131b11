//! Whether a result is a breaker's rejection, and how it came about.
//!
//! An error is a rejection if it, or an error in its source chain, is a
//! [`Rejection`](crate::Rejection). A response is one if it carries a `Rejection`, which its
//! protocol's classifier can read. What the value shows overrules the [`result_note`]. The note
//! adds detail, and decides only if the value can't be inspected.
//!
//! [`result_note`]: crate::call_context::result_note

use std::error::Error;

#[cfg(feature = "breaker")]
use self::breaker_errors::{find_rejection, of_breaker_error};
#[cfg(feature = "breaker")]
pub(crate) use self::breaker_errors::{recognise, rejection_of};
use super::{Origin, inspect::inspect};
use crate::{CallReport, call_context::result_note::Note};

/// How a result came about: its note, corrected by the value. `origin` calls the classifier.
pub(crate) fn examine<Res, Err: 'static>(
    result: &Result<Res, Err>,
    note: Note,
    origin: impl FnOnce(Result<&Res, &Err>) -> Origin,
) -> Option<CallReport> {
    let report = note.take(result);
    let known = match result {
        Ok(_) => Origin::Unknown,
        Err(error) => of_error(error),
    };
    correct(report, known.or_else(|| origin(result.as_ref())))
}

/// A note, corrected by the origin that the value shows.
pub(crate) fn correct(report: Option<CallReport>, origin: Origin) -> Option<CallReport> {
    match origin {
        Origin::Unknown => report,
        Origin::Called => report.and_then(|report| match report.rejection() {
            Some(_) => report.without_rejection(),
            None => Some(report),
        }),
        Origin::Rejected(cause) => Some(report.unwrap_or_default().with_rejection(cause)),
    }
}

/// The origin of an error, as far as the layers can inspect its type.
pub(crate) fn of_error<Err: 'static>(error: &Err) -> Origin {
    match inspect(error) {
        Some(error) => of_chain(error),
        None => of_breaker_error(error),
    }
}

/// The origin of an error, found in its source chain.
pub(crate) fn of_chain(error: &(dyn Error + 'static)) -> Origin {
    match find_rejection(error) {
        Some(cause) => Origin::Rejected(cause),
        None => Origin::Called,
    }
}

#[cfg(feature = "breaker")]
mod breaker_errors {
    use std::{
        any::{Any, TypeId},
        error::Error,
        io,
    };

    use super::of_error;
    use crate::{
        BreakerError, Cause, Rejection,
        classify::{
            Origin,
            error_readers::{self, Reader},
            links::{MAX_LINKS, downcast, next_link},
        },
    };

    /// Makes the layers recognise the rejections of breakers around services with this error type.
    pub(crate) fn recognise<E: 'static>() {
        error_readers::register(
            TypeId::of::<BreakerError<E>>(),
            Reader { origin: read::<E>, rejection: rejection::<E> },
        );
    }

    fn read<E: 'static>(error: &dyn Any) -> Origin {
        match error.downcast_ref() {
            Some(BreakerError::<E>::Rejected(rejection)) => Origin::Rejected(rejection.cause()),
            Some(BreakerError::<E>::Inner(error)) => of_error(error),
            None => Origin::Unknown,
        }
    }

    pub(super) fn of_breaker_error<Err: 'static>(error: &Err) -> Origin {
        if let Some(rejection) = (error as &dyn Any).downcast_ref::<Rejection>() {
            return Origin::Rejected(rejection.cause());
        }
        error_readers::find(TypeId::of::<Err>()).map_or(Origin::Unknown, |reader| (reader.origin)(error))
    }

    /// The rejection in an error, as far as the layers can inspect its type.
    pub(crate) fn rejection_of(error: &dyn Any) -> Option<&Rejection> {
        error.downcast_ref().or_else(|| (error_readers::find(error.type_id())?.rejection)(error))
    }

    fn rejection<E: 'static>(error: &dyn Any) -> Option<&Rejection> {
        match error.downcast_ref()? {
            BreakerError::<E>::Rejected(rejection) => Some(rejection),
            BreakerError::<E>::Inner(error) => rejection_of(error),
        }
    }

    pub(super) fn find_rejection(error: &(dyn Error + 'static)) -> Option<Cause> {
        let mut next = Some(error);
        for _ in 0..MAX_LINKS {
            let link = next?;
            if let Some(rejection) = downcast::<Rejection>(link) {
                return Some(rejection.cause());
            }
            // The `source` of an `io::Error` skips the error that it wraps.
            let wrapped = downcast::<io::Error>(link).and_then(io::Error::get_ref);
            next = match wrapped {
                Some(wrapped) => Some(wrapped),
                None => next_link(link),
            };
        }
        None
    }
}

#[cfg(not(feature = "breaker"))]
fn of_breaker_error<Err>(_: &Err) -> Origin {
    Origin::Unknown
}

#[cfg(not(feature = "breaker"))]
fn find_rejection(_: &(dyn Error + 'static)) -> Option<crate::Cause> {
    None
}
