//! The instance of a service that makes the attempts after the first.
//!
//! The first attempt is made by the instance that was polled ready. Its caller keeps that instance, so later attempts need another one. Most
//! requests need none, so none is cloned for them: all calls of a service share one spare, and a request that is retried takes a clone of it.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, ready},
};

use crate::{clone_source::CloneSource, seldom::Seldom};

/// Where a request gets the instance for its later attempts from. `B` is what all requests share.
///
/// `pub`, since it is a bound on the implementation of a public future; not reachable from outside.
pub trait Instances<B> {
    type Service;

    /// The instance. The same one for all later attempts of a request, unless it was [released](Self::release).
    fn poll_get(&mut self, shared: &B, cx: &mut Context<'_>) -> Poll<&mut Self::Service>;

    /// Gives up what the instance has reserved by being polled ready.
    fn release(&mut self);
}

/// The instance of one request, once it needs one.
pub struct Later<S>(Seldom<Box<S>>);

impl<S> Later<S> {
    pub(super) const NONE: Self = Self(Seldom::NONE);

    pub(super) fn is(service: S) -> Self {
        Self(Some(Box::new(service)).into())
    }
}

impl<S: Clone> Instances<Spare<S>> for Later<S> {
    type Service = S;

    fn poll_get(&mut self, spare: &Spare<S>, cx: &mut Context<'_>) -> Poll<&mut S> {
        if !self.0.is_some() {
            let clone = ready!(spare.poll_clone(cx));
            self.0 = Some(Box::new(clone)).into();
        }
        Poll::Ready(&mut **self.0.as_mut().expect("it was just put there"))
    }

    fn release(&mut self) {
        if let Some(service) = self.0.as_mut() {
            crate::reservation::release(&mut **service);
        }
    }
}

/// The instance that later attempts are cloned from.
///
/// It is made of an instance that has just been called, so a state that the service has in itself, such as a connection, is in the clone. When
/// a retry has used it, the next call replaces it, so it doesn't get older than the last retry.
pub struct Spare<S> {
    /// Whether the next call should put an instance here: there was none, or it was used.
    is_wanted: AtomicBool,
    source: CloneSource<S>,
}

impl<S> Spare<S> {
    pub(super) fn new() -> Self {
        Self { is_wanted: AtomicBool::new(true), source: CloneSource::new(None) }
    }

    /// Keeps a clone of a service that has just been called, if one is wanted. After this there is one, or another request is putting it back.
    #[inline]
    pub(super) fn keep(&self, service: &S)
    where
        S: Clone,
    {
        // Relaxed: a thread that reads `false` locks the mutex after the thread that wrote it.
        if self.is_wanted.load(Ordering::Relaxed) {
            self.keep_clone(service);
        }
    }

    /// Doesn't unwind, so that the caller's future, which has just been made, needs no address: see ARCHITECTURE, "The healthy path".
    #[cold]
    #[inline]
    fn keep_clone(&self, service: &S)
    where
        S: Clone,
    {
        let kept = catch_unwind(AssertUnwindSafe(|| self.source.put(service.clone(), true)));
        match kept {
            Ok(()) => self.is_wanted.store(false, Ordering::Relaxed),
            // The hook has reported it, and a request that needs the clone panics in its place. Dropping it could panic again.
            Err(panic) => mem::forget(panic),
        }
    }

    /// A clone. It isn't ready yet. Pending while another request clones it.
    fn poll_clone(&self, cx: &mut Context<'_>) -> Poll<S>
    where
        S: Clone,
    {
        let clone = ready!(self.source.poll_clone(cx));
        self.is_wanted.store(true, Ordering::Relaxed);
        Poll::Ready(clone)
    }
}
