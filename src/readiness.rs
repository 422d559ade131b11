//! Keeps a readiness error until the next call, and makes it the outcome of that call.
//!
//! `poll_ready` runs before the request is known. An error there has no request that could be
//! retried, classified, or passed to a fallback. So the layer reports that it is ready, and treats
//! the error as the outcome of the `call` that follows.

use std::{
    any::Any,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use tower_service::Service;

use crate::cold_option::ColdOption;

/// The readiness error of the inner service. The type is erased, because a service's error type
/// depends on the request type, which the layer's own type doesn't name. It is boxed twice so that
/// it takes one word in each service and future. Both boxes are only allocated for an error.
///
/// The mutex is never locked. It makes the layers' services `Sync`, as axum requires, even if the
/// error isn't.
#[derive(Default)]
pub(crate) struct Readiness {
    failed: ColdOption<Box<Mutex<Box<dyn Any + Send>>>>,
}

impl Readiness {
    /// Ready if the service is ready or has failed. A service that has failed won't be called, so
    /// `release` gives up what the service has reserved.
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

    /// Polls a service that hasn't failed before. Returns `true` if the service is ready, and
    /// `false` if it failed in this poll.
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

    /// Takes the error. A service may be polled for one request type and called for another. The
    /// error of another request type isn't an outcome of this call, and is dropped.
    pub(crate) fn take_error<E: 'static>(&mut self) -> Option<E> {
        let failed = self.failed.take()?.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.downcast().ok().map(|error| *error)
    }
}

/// A clone starts without an error.
impl Clone for Readiness {
    fn clone(&self) -> Self {
        Self::default()
    }
}
