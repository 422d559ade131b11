//! Gives up what a service has reserved in `poll_ready`.
//!
//! `poll_ready` may reserve something for the next call: a semaphore permit, a buffer slot, or a
//! place in the queue for one. tower has no method that undoes the reservation. A caller that
//! decides against the call must drop the instance; otherwise everything that shares the resource
//! waits for a call that never comes. A clone holds no reservation, so these functions replace the
//! instance with a clone of itself.

#[cfg(any(feature = "breaker", feature = "fallback"))]
use std::sync::OnceLock;

/// Gives up what the service has reserved. It must be polled ready again before it is called.
#[cfg(feature = "retry")]
#[cold]
pub(crate) fn release<S: Clone>(service: &mut S) {
    *service = service.clone();
}

/// Releases a service whose type isn't known to be `Clone`.
///
/// The breaker and the fallback accept services that can't be cloned. Cloning one of these layers'
/// services requires that the inner service is `Clone`. The clone and the original then store the
/// inner service's clone function. A service that was never cloned keeps its reservation until its
/// next call.
#[cfg(any(feature = "breaker", feature = "fallback"))]
pub(crate) struct Releaser<S> {
    /// Set in a clone, so that cloning a clone needs no write to the original.
    known: Option<fn(&S) -> S>,
    /// Set in the original when it is cloned for the first time.
    learned: OnceLock<fn(&S) -> S>,
}

#[cfg(any(feature = "breaker", feature = "fallback"))]
impl<S> Releaser<S> {
    /// Gives up what the service has reserved, if the service is known to be `Clone`.
    #[cold]
    pub(crate) fn release(&self, service: &mut S) {
        if let Some(clone) = self.known.as_ref().or_else(|| self.learned.get()) {
            *service = clone(service);
        }
    }
}

#[cfg(any(feature = "breaker", feature = "fallback"))]
impl<S> Default for Releaser<S> {
    fn default() -> Self {
        Self { known: None, learned: OnceLock::new() }
    }
}

#[cfg(any(feature = "breaker", feature = "fallback"))]
impl<S: Clone> Clone for Releaser<S> {
    #[inline]
    fn clone(&self) -> Self {
        if self.known.is_none() && self.learned.get().is_none() {
            learn(&self.learned);
        }
        Self { known: Some(S::clone), learned: OnceLock::new() }
    }
}

#[cfg(any(feature = "breaker", feature = "fallback"))]
#[cold]
#[inline(never)]
fn learn<S: Clone>(learned: &OnceLock<fn(&S) -> S>) {
    learned.get_or_init(|| S::clone);
}
