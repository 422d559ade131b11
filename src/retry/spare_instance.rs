//! The service instance that makes the attempts after the first.
//!
//! The first attempt is made by the instance that was polled ready. The caller of the service keeps
//! that instance, so later attempts need another one. Most requests have no later attempt, so most
//! calls don't clone the service: all calls of a service share one spare instance, and a request
//! that is retried takes a clone of it. With a clone for each call, a call through all three layers
//! took 401 instead of 379 instructions (`benches/instructions`, without the cost of the service's
//! own `Clone`).

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, ready},
};

use crate::{clone_source::CloneSource, cold_option::ColdOption, reservation};

/// Provides the instance for the later attempts of one request. `Shared` is what all requests
/// share.
///
/// `pub`, since it is a bound on the implementation of a public future; not reachable from outside.
pub trait InstanceSource<Shared> {
    type Service;

    /// The instance: always the same one, unless it was [released](Self::release).
    fn poll_instance(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<&mut Self::Service>;

    /// Gives up what the instance has reserved when it was polled ready.
    fn release(&mut self);
}

/// The instance for the later attempts of one request: a clone of the spare one, made when it is
/// needed.
pub struct LaterInstance<S>(ColdOption<Box<S>>);

impl<S> LaterInstance<S> {
    pub(super) const NONE: Self = Self(ColdOption::NONE);

    pub(super) fn new(service: S) -> Self {
        Self(Some(Box::new(service)).into())
    }
}

impl<S: Clone> InstanceSource<SpareInstance<S>> for LaterInstance<S> {
    type Service = S;

    fn poll_instance(&mut self, spare: &SpareInstance<S>, cx: &mut Context<'_>) -> Poll<&mut S> {
        if !self.0.is_some() {
            *self = Self::new(ready!(spare.poll_clone(cx)));
        }
        Poll::Ready(&mut **self.0.as_mut().expect("it was just set"))
    }

    fn release(&mut self) {
        if let Some(service) = self.0.as_mut() {
            reservation::release(&mut **service);
        }
    }
}

/// The instance that later attempts are cloned from.
///
/// It is a clone of an instance that has just been called, so it contains the state that the
/// service keeps in itself, such as a connection. After a retried request has cloned the spare
/// instance, the next call replaces the spare instance.
pub struct SpareInstance<S> {
    /// The next call stores an instance: none is stored yet, or a retried request has cloned the
    /// stored one.
    is_wanted: AtomicBool,
    source: CloneSource<S>,
}

impl<S> SpareInstance<S> {
    pub(super) fn new() -> Self {
        Self { is_wanted: AtomicBool::new(true), source: CloneSource::new(None) }
    }

    /// Stores a clone of a service that has just been called, if one is wanted. Afterwards there is
    /// a spare instance, or another request has taken it out to clone it.
    #[inline]
    pub(super) fn store_clone_if_wanted(&self, service: &S)
    where
        S: Clone,
    {
        // Relaxed: a thread that reads `false` locks the mutex after the thread that wrote it.
        if self.is_wanted.load(Ordering::Relaxed) {
            self.store_clone(service);
        }
    }

    /// This function doesn't unwind. If it could, the caller's future, which has just been made,
    /// would need an address, and each call would copy it. A call through all three layers then
    /// took 433 instead of 379 instructions (ARCHITECTURE, "The healthy path").
    #[cold]
    #[inline]
    fn store_clone(&self, service: &S)
    where
        S: Clone,
    {
        let stored = catch_unwind(AssertUnwindSafe(|| self.source.put(service.clone(), true)));
        match stored {
            Ok(()) => self.is_wanted.store(false, Ordering::Relaxed),
            // The panic hook has reported it. A request that needs the clone panics later. The drop
            // of the payload could panic again.
            Err(panic) => mem::forget(panic),
        }
    }

    /// A clone, which isn't ready yet. Pending while another request makes its clone.
    fn poll_clone(&self, cx: &mut Context<'_>) -> Poll<S>
    where
        S: Clone,
    {
        let clone = ready!(self.source.poll_clone(cx));
        self.is_wanted.store(true, Ordering::Relaxed);
        Poll::Ready(clone)
    }
}
