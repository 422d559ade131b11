//! A shared instance that calls on any thread can clone, without holding a lock while its `Clone`
//! runs.
//!
//! The mutex allows threads to share an instance that is `Send` but not `Sync`. User code never
//! runs while the mutex is locked: a call takes the instance out, clones it, and puts it back.
//! Calls that need the instance meanwhile return `Pending`; their tasks are woken when it is back.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

pub(crate) struct CloneSource<T> {
    stock: Mutex<Stock<T>>,
}

struct Stock<T> {
    /// `None` until the first instance is put here, and while a call has taken it out.
    instance: Option<T>,
    /// A call has taken the instance out, and will put it back. If another instance was put here
    /// meanwhile, `instance` is set too.
    is_out: bool,
    /// The tasks that wait for the instance.
    waiting: Vec<Waker>,
}

/// The result of an attempt to take the instance out.
enum Taken<T> {
    Instance(T),
    /// Another call has taken it out.
    Out,
    /// No instance was ever put here, or its `Clone` panicked without returning it.
    Nothing,
}

impl<T> CloneSource<T> {
    pub(crate) const fn new(instance: Option<T>) -> Self {
        Self { stock: Mutex::new(Stock { instance, is_out: false, waiting: Vec::new() }) }
    }

    /// Returns a clone. Pending while another call clones the instance.
    ///
    /// # Panics
    ///
    /// Panics if there is no instance.
    pub(crate) fn poll_clone(&self, cx: &mut Context<'_>) -> Poll<T>
    where
        T: Clone,
    {
        let mut taken = {
            let mut stock = self.lock();
            let taken = stock.take();
            // A task that is polled again has its waker here already.
            if matches!(taken, Taken::Out) && stock.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            taken
        };
        if let Taken::Out = taken {
            // Cloned without the lock, because a waker is the executor's code.
            let waker = cx.waker().clone();
            let mut stock = self.lock();
            taken = stock.take();
            if let Taken::Out = taken {
                stock.waiting.push(waker);
                return Poll::Pending;
            }
        }
        let Taken::Instance(instance) = taken else { panic!("the service can't be cloned: its `Clone` panicked") };
        let back = PutBack { source: self, instance: Some(instance) };
        let clone = back.instance.clone().expect("`back` holds the instance until it is dropped");
        drop(back);
        Poll::Ready(clone)
    }

    /// Puts an instance here. If there is one already, the newer of the two stays.
    pub(crate) fn put(&self, instance: T, is_newer: bool) {
        let (other, waiting) = {
            let mut stock = self.lock();
            let mut other = Some(instance);
            stock.is_out = false;
            if is_newer || stock.instance.is_none() {
                mem::swap(&mut stock.instance, &mut other);
            }
            (other, mem::take(&mut stock.waiting))
        };
        for waker in waiting {
            // A waker that panics must not prevent the others from being woken. The panic hook has
            // reported the panic; its payload is leaked, because dropping it could panic again.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                mem::forget(panic);
            }
        }
        drop(other);
    }

    fn lock(&self) -> MutexGuard<'_, Stock<T>> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Stock<T> {
    fn take(&mut self) -> Taken<T> {
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

/// Puts the instance back when it is dropped, even if `Clone` panics.
struct PutBack<'a, T> {
    source: &'a CloneSource<T>,
    instance: Option<T>,
}

impl<T> Drop for PutBack<'_, T> {
    fn drop(&mut self) {
        if let Some(instance) = self.instance.take() {
            self.source.put(instance, false);
        }
    }
}
