//! Functions that read the `BreakerError<E>`s of this program, by type.
//!
//! A layer is generic over its service's error type, so it can't downcast to `BreakerError<E>`
//! without knowing `E`. A breaker knows `E`, and registers a function that reads the error.

use std::{
    any::{Any, TypeId},
    cell::Cell,
    sync::Arc,
};

use arc_swap::ArcSwapOption;

use super::Origin;
use crate::Rejection;

/// Functions that read an error of one type.
#[derive(Clone, Copy)]
pub(super) struct Reader {
    pub(super) origin: fn(&dyn Any) -> Origin,
    /// Returns the rejection in the error, if there is one.
    pub(super) rejection: for<'a> fn(&'a dyn Any) -> Option<&'a Rejection>,
}

/// One entry per error type `E` for which a breaker has rejected a call.
static READERS: ArcSwapOption<Vec<(TypeId, Reader)>> = ArcSwapOption::const_empty();

thread_local! {
    /// The type that this thread registered last. Most rejections of a thread have the same type.
    static LATEST: Cell<Option<TypeId>> = const { Cell::new(None) };
}

/// Registers a reader for errors of this type.
#[inline]
pub(super) fn register(error: TypeId, reader: Reader) {
    // Each rejection calls this, so it skips the search if this thread's previous rejection had the
    // same type.
    if LATEST.with(|latest| latest.replace(Some(error))) != Some(error) && find(error).is_none() {
        add(error, reader);
    }
}

#[inline]
pub(super) fn find(error: TypeId) -> Option<Reader> {
    READERS.load().as_ref()?.iter().find(|&&(known, _)| known == error).map(|&(_, reader)| reader)
}

#[cold]
fn add(error: TypeId, reader: Reader) {
    READERS.rcu(|readers| {
        let mut readers = readers.as_ref().map_or_else(Vec::new, |readers| Vec::clone(readers));
        if readers.iter().all(|&(known, _)| known != error) {
            readers.push((error, reader));
        }
        Some(Arc::new(readers))
    });
}
