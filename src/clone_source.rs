//! An instance that calls of any thread clone, without a lock around its `Clone`.
//!
//! The mutex lets an instance be shared that is `Send` but not `Sync`. The user's code never runs while it is locked: an
//! instance is taken out, cloned, and put back. Calls that need it meanwhile wait, as tasks.

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
    /// `None` before the first one is put here, and while it is taken out.
    instance: Option<T>,
    /// A call clones an instance that it will put back. It may also be here again.
    is_out: bool,
    /// Calls that wait for it.
    waiting: Vec<Waker>,
}

/// What a call gets.
enum Taken<T> {
    Instance(T),
    /// Another call has it.
    Out,
    /// There is none.
    Nothing,
}

impl<T> CloneSource<T> {
    pub(crate) const fn new(instance: Option<T>) -> Self {
        Self { stock: Mutex::new(Stock { instance, is_out: false, waiting: Vec::new() }) }
    }

    /// A clone. Pending while another call clones the instance.
    ///
    /// # Panics
    ///
    /// If there is no instance.
    pub(crate) fn poll_clone(&self, cx: &mut Context<'_>) -> Poll<T>
    where
        T: Clone,
    {
        let mut taken = {
            let mut stock = self.lock();
            let taken = stock.take();
            // A task that is polled again while it waits is woken by the waker that is already here.
            if matches!(taken, Taken::Out) && stock.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            taken
        };
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
        let back = PutBack { source: self, instance: Some(instance) };
        let clone = back.instance.clone().expect("it was just put there");
        drop(back);
        Poll::Ready(clone)
    }

    /// Puts an instance here. If there is one, the newer one stays.
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
            // A waker that panics doesn't keep the others asleep. The hook has reported it, and dropping it could panic again.
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

/// Puts the instance back, also when its `Clone` panics.
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
