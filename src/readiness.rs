//! A readiness error, kept until there is a request that it is the outcome of.
//!
//! `poll_ready` comes before the request is known, so an error there has no request to be retried, no method to be
//! judged by, no fallback to be asked for. It is kept for the `call` that follows.

use std::{
    any::Any,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use tower_service::Service;

use crate::cold_option::ColdOption;

/// The readiness error of the service beside it. The type is erased, since a service's error depends on the request
/// type, which the service's own type doesn't name. Boxed twice, so that it is one word in every service and future; the
/// boxes are only made when there is an error.
///
/// The mutex is never locked: it makes the layers' services `Sync`, as axum wants them, whatever the error is.
#[derive(Default)]
pub(crate) struct Readiness {
    failed: ColdOption<Box<Mutex<Box<dyn Any + Send>>>>,
}

impl Readiness {
    /// Ready when the service is, or when it has failed to be. A service that fails gives up what it has reserved, by `release`: it won't be
    /// called.
    #[inline]
    pub(crate) fn poll<S, Req>(
        &mut self,
        service: &mut S,
        release: impl FnOnce(&mut S),
        cx: &mut Context<'_>,
    ) -> Poll<()>
    where
        S: Service<Req>,
        S::Error: Send + 'static,
    {
        if self.has_failed() { Poll::Ready(()) } else { self.ask(service, release, cx).map(drop) }
    }

    /// Asks a service of which no failure is kept: whether it is ready, or has failed now.
    #[inline]
    pub(crate) fn ask<S, Req>(
        &mut self,
        service: &mut S,
        release: impl FnOnce(&mut S),
        cx: &mut Context<'_>,
    ) -> Poll<bool>
    where
        S: Service<Req>,
        S::Error: Send + 'static,
    {
        service.poll_ready(cx).map(|ready| match ready {
            Ok(()) => true,
            Err(error) => {
                self.fail(error);
                release(service);
                false
            }
        })
    }

    #[cold]
    fn fail<E: Send + 'static>(&mut self, error: E) {
        self.failed = Some(Box::new(Mutex::new(Box::new(error) as Box<dyn Any + Send>))).into();
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
