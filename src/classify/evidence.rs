//! What a result itself says about being a breaker's rejection.
//!
//! An error is one if it, or an error in its source chain, is a [`Rejection`](crate::Rejection). A response is one if it carries a
//! `Rejection`, which its protocol's classifier can read. What the value says overrules the [`result_note`], which adds detail, and
//! decides only where the value can't be inspected.

use std::error::Error;

use super::opened::opened;
#[cfg(feature = "breaker")]
use super::walk::beneath;
use crate::{Cause, How, call_context::result_note::Note};

/// Where a result comes from, as far as the value itself says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The value can't be inspected.
    Unknown,
    /// The service was called: the value can be inspected, and doesn't say that a breaker made it.
    Called,
    /// A breaker made it in place of the service.
    Rejected(
        /// [`Cause::Rejected`].
        Cause,
    ),
}

impl Origin {
    /// This one, or if it is [`Unknown`](Self::Unknown) another.
    #[inline]
    #[must_use]
    pub fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        if let Self::Unknown = self { other() } else { self }
    }

    /// Whether a breaker made it.
    #[inline]
    pub const fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }
}

/// How a result came about: its note, as far as the value doesn't say otherwise. `origin` is what the classifier says.
pub(crate) fn examine<Res, Err: 'static>(
    result: &Result<Res, Err>,
    note: Note,
    origin: impl FnOnce(Result<&Res, &Err>) -> Origin,
) -> Option<How> {
    let how = note.take(result);
    let known = match result {
        Ok(_) => Origin::Unknown,
        Err(error) => of_error(error),
    };
    correct(how, known.or_else(|| origin(result.as_ref())))
}

/// A note, corrected by what the value says.
pub(crate) fn correct(how: Option<How>, origin: Origin) -> Option<How> {
    match origin {
        Origin::Unknown => how,
        Origin::Called => {
            how.and_then(|how| if how.rejection().is_some() { how.without_rejection() } else { Some(how) })
        }
        Origin::Rejected(cause) => Some(how.unwrap_or_default().with_rejection(cause)),
    }
}

fn of_error<Err: 'static>(error: &Err) -> Origin {
    match opened(error) {
        Some(error) => of_chain(error),
        None => of_breaker_error(error),
    }
}

/// How many links of a chain are looked at: a chain may be built to have no end.
const MAX_LINKS: usize = 64;

/// What an error and its sources say.
pub(crate) fn of_chain(error: &(dyn Error + 'static)) -> Origin {
    let mut left = MAX_LINKS;
    match find(error, &mut left) {
        Some(cause) => Origin::Rejected(cause),
        None => Origin::Called,
    }
}

#[cfg(feature = "breaker")]
mod breakers {
    use std::{
        any::{Any, TypeId},
        cell::Cell,
        error::Error,
        io,
        sync::Arc,
    };

    use arc_swap::ArcSwapOption;

    use super::{super::known::as_known, Origin, beneath, of_error};
    use crate::{BreakerError, Cause, Rejection};

    type Read = fn(&dyn Any) -> Origin;

    /// How to read the `BreakerError<E>`s of this program, by their types: one entry for each `E` of which a call was rejected.
    static READERS: ArcSwapOption<Vec<(TypeId, Read)>> = ArcSwapOption::const_empty();

    thread_local! {
        /// The type that this thread has looked for last: it is known.
        static NEWEST: Cell<Option<TypeId>> = const { Cell::new(None) };
    }

    fn read<E: 'static>(error: &dyn Any) -> Origin {
        match error.downcast_ref() {
            Some(BreakerError::<E>::Rejected(rejection)) => Origin::Rejected(rejection.cause()),
            Some(BreakerError::<E>::Inner(error)) => of_error(error),
            None => Origin::Unknown,
        }
    }

    fn reader_of(error: TypeId) -> Option<Read> {
        READERS.load().as_ref()?.iter().find(|&&(known, _)| known == error).map(|&(_, read)| read)
    }

    /// From now on, the rejections of breakers around a service with such errors are recognised.
    pub(crate) fn recognise<E: 'static>() {
        let error = TypeId::of::<BreakerError<E>>();
        // Each rejection comes here, and mostly of the same type as the one before.
        if NEWEST.with(|newest| newest.replace(Some(error))) != Some(error) && reader_of(error).is_none() {
            add(error, read::<E>);
        }
    }

    #[cold]
    fn add(error: TypeId, read: Read) {
        READERS.rcu(|readers| {
            let mut readers = readers.as_ref().map_or_else(Vec::new, |readers| Vec::clone(readers));
            if readers.iter().all(|&(known, _)| known != error) {
                readers.push((error, read));
            }
            Some(Arc::new(readers))
        });
    }

    pub(super) fn of_breaker_error<Err: 'static>(error: &Err) -> Origin {
        if let Some(rejection) = (error as &dyn Any).downcast_ref::<Rejection>() {
            return Origin::Rejected(rejection.cause());
        }
        reader_of(TypeId::of::<Err>()).map_or(Origin::Unknown, |read| read(error))
    }

    pub(super) fn find(error: &(dyn Error + 'static), left: &mut usize) -> Option<Cause> {
        let mut next = Some(error);
        while let Some(link) = next {
            *left = left.checked_sub(1)?;
            if let Some(rejection) = as_known::<Rejection>(link) {
                return Some(rejection.cause());
            }
            // Its source is that of the error in it.
            if let Some(inside) = as_known::<io::Error>(link).and_then(io::Error::get_ref) {
                return find(inside, left);
            }
            next = beneath(link);
        }
        None
    }
}

#[cfg(feature = "breaker")]
pub(crate) use breakers::recognise;
#[cfg(feature = "breaker")]
use breakers::{find, of_breaker_error};

#[cfg(not(feature = "breaker"))]
fn of_breaker_error<Err>(_: &Err) -> Origin {
    Origin::Unknown
}

#[cfg(not(feature = "breaker"))]
fn find(_: &(dyn Error + 'static), _: &mut usize) -> Option<Cause> {
    None
}
