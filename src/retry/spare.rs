//! The instance of a service that makes the attempts after the first.
//!
//! The first attempt is made by the instance that was polled ready. Its caller keeps that instance, so later attempts need another one. Most
//! requests need none, so none is cloned for them: all calls of a service share one spare, and a request that is retried takes a clone of it.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use crate::seldom::Seldom;

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
///
/// The mutex lets a service be shared that is `Send` but not `Sync`. The service's code never runs while it is locked: an instance is taken out,
/// cloned, and put back. Requests that need it meanwhile wait, as tasks.
pub struct Spare<S> {
    /// Whether the next call should put an instance here: there was none, or it was used.
    is_wanted: AtomicBool,
    stock: Mutex<Stock<S>>,
}

struct Stock<S> {
    /// `None` before the first call, and while it is taken out.
    instance: Option<S>,
    /// A request clones an instance that it will put back. It may also be here again.
    is_out: bool,
    /// Requests that wait for it.
    waiting: Vec<Waker>,
}

/// What a request gets.
enum Taken<S> {
    Instance(S),
    /// Another request has it.
    Out,
    /// There is none: the service's `Clone` has panicked.
    Nothing,
}

impl<S> Spare<S> {
    pub(super) fn new() -> Self {
        let stock = Stock { instance: None, is_out: false, waiting: Vec::new() };
        Self { is_wanted: AtomicBool::new(true), stock: Mutex::new(stock) }
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
        let kept = catch_unwind(AssertUnwindSafe(|| self.put(service.clone(), true)));
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
        let mut taken = self.lock().take();
        if let Taken::Out = taken {
            // Made without the lock, as wakers are the executor's code.
            let waker = cx.waker().clone();
            let mut stock = self.lock();
            taken = stock.take();
            if let Taken::Out = taken {
                stock.waiting.push(waker);
                return Poll::Pending;
            }
        }
        let Taken::Instance(instance) = taken else { panic!("the service could not be cloned: its `Clone` panicked") };
        let back = PutBack { spare: self, instance: Some(instance) };
        let clone = back.instance.clone().expect("it was just put there");
        drop(back);
        self.is_wanted.store(true, Ordering::Relaxed);
        Poll::Ready(clone)
    }

    /// Puts an instance here. If there is one, the newer one stays.
    fn put(&self, instance: S, is_newer: bool) {
        let (other, waiting) = {
            let mut stock = self.lock();
            let mut other = Some(instance);
            stock.is_out = false;
            if is_newer || stock.instance.is_none() {
                mem::swap(&mut stock.instance, &mut other);
            }
            (other, mem::take(&mut stock.waiting))
        };
        waiting.into_iter().for_each(Waker::wake);
        drop(other);
    }

    fn lock(&self) -> MutexGuard<'_, Stock<S>> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Stock<S> {
    fn take(&mut self) -> Taken<S> {
        match self.instance.take() {
            Some(instance) => {
                self.is_out = true;
                Taken::Instance(instance)
            }
            None if self.is_out => Taken::Out,
            None => Taken::Nothing,
        }
    }
}

/// Puts the instance back, also when its `Clone` panics.
struct PutBack<'a, S> {
    spare: &'a Spare<S>,
    instance: Option<S>,
}

impl<S> Drop for PutBack<'_, S> {
    fn drop(&mut self) {
        if let Some(instance) = self.instance.take() {
            self.spare.put(instance, false);
        }
    }
}
