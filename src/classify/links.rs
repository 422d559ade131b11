//! The links of an error chain: an error, its source, the source of that, and so on.

use std::{error::Error, sync::Arc};

/// How many links of a chain are examined. A chain can be endless.
pub(super) const MAX_LINKS: usize = 64;

/// The next link. `source` of an `Arc<dyn Error>` skips the error inside it, so that error is
/// returned first.
pub(super) fn next_link<'a>(link: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match link.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        Some(shared) => Some(&**shared),
        None => link.source(),
    }
}

/// The link as an `E`, which may be in a `Box` or an `Arc`, as sources often are.
pub(super) fn downcast<'a, E: Error + 'static>(link: &'a (dyn Error + 'static)) -> Option<&'a E> {
    link.downcast_ref::<E>()
        .or_else(|| link.downcast_ref::<Box<E>>().map(|boxed| &**boxed))
        .or_else(|| link.downcast_ref::<Arc<E>>().map(|shared| &**shared))
}

/// Whether the link is an `E`, which may be in a `Box` or an `Arc`.
pub(super) fn is<E: Error + 'static>(link: &(dyn Error + 'static)) -> bool {
    downcast::<E>(link).is_some()
}
