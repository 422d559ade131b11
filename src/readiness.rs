//! A readiness error, kept until there is a request that it is the outcome of.
//!
//! `poll_ready` comes before the request is known, so an error there has no request to be retried, no method to be
//! judged by, no fallback to be asked for. It is kept for the `call` that follows.

use std::{
    any::Any,
    fmt,
    sync::{Mutex, PoisonError},
};

/// The readiness error of the service beside it. The type is erased, since a service's error depends on the request
/// type, which the service's own type doesn't name; the box is only made when there is an error.
///
/// The mutex is never locked: it makes the layers' services `Sync`, as axum wants them, whatever the error is.
#[derive(Default)]
pub(crate) struct Readiness {
    failed: Option<Mutex<Box<dyn Any + Send>>>,
}

impl Readiness {
    pub(crate) fn fail<E: Send + 'static>(&mut self, error: E) {
        self.failed = Some(Mutex::new(Box::new(error)));
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// The error, once. Another request type's error (a service may be polled for one and called for another) is
    /// no error of this call.
    pub(crate) fn take_error<E: 'static>(&mut self) -> Option<E> {
        let failed = self.failed.take()?.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.downcast().ok().map(|error| *error)
    }
}

/// A clone has met no error yet.
impl Clone for Readiness {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.has_failed() { "failed" } else { "as the service says" })
    }
}
