//! Giving up what a service has reserved.
//!
//! `poll_ready` may reserve something for the call that follows: a permit of a semaphore, a slot of a buffer, or a place in the queue for one.
//! tower has no method that undoes it. A caller that decides not to make the call must drop the instance, or everything that shares the
//! resource waits for a call that never comes. A clone holds no reservation, so the instance is replaced with a clone of itself.

/// A service that can give up what its readiness has reserved.
///
/// `pub`, since it is a bound on the implementation of a public future; not reachable from outside.
pub trait Release {
    /// Gives up what was reserved. The service must be polled ready again before it is called.
    fn release(&mut self);
}

impl<S: Clone> Release for S {
    #[cold]
    fn release(&mut self) {
        *self = self.clone();
    }
}
