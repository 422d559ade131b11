//! Giving up what a service has reserved.
//!
//! `poll_ready` may reserve something for the call that follows: a permit of a semaphore, a slot of a buffer, or a place in the queue for one.
//! tower has no method that undoes it. A caller that decides not to make the call must drop the instance, or everything that shares the
//! resource waits for a call that never comes. A clone holds no reservation, so the instance is replaced with a clone of itself.

#[cfg(any(feature = "breaker", feature = "fallback"))]
use std::sync::OnceLock;

/// Gives up what a service has reserved. It must be polled ready again before it is called.
#[cfg(feature = "retry")]
#[cold]
pub(crate) fn release<S: Clone>(service: &mut S) {
    *service = service.clone();
}

/// How to release a service whose type isn't known to be `Clone`.
///
/// The breaker and the fallback accept services that can't be cloned. They learn how to clone the service when they are cloned themselves,
/// and remember it in the clone and in the original. A service that was never cloned keeps what it has reserved until its next call.
#[cfg(any(feature = "breaker", feature = "fallback"))]
pub(crate) struct Releaser<S> {
    /// Set in a clone, so that a clone of a clone costs one write.
    known: Option<fn(&S) -> S>,
    /// Set in the original when it is first cloned.
    learned: OnceLock<fn(&S) -> S>,
}

#[cfg(any(feature = "breaker", feature = "fallback"))]
impl<S> Releaser<S> {
    /// Gives up what the service has reserved, if it can be cloned.
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
