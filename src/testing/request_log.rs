//! What a script stores of the requests that it receives.

use std::sync::{Arc, Mutex, PoisonError};

/// The most entries that a script stores.
pub(super) const MAX_ENTRIES: usize = 100_000;

/// A closure, and what it has returned for each request.
pub(super) struct RequestLog<Req, T> {
    function: Arc<dyn Fn(&Req) -> T + Send + Sync>,
    log: Arc<Mutex<Vec<Arc<T>>>>,
}

impl<Req, T> RequestLog<Req, T> {
    pub(super) fn new(function: impl Fn(&Req) -> T + Send + Sync + 'static) -> Self {
        Self { function: Arc::new(function), log: Arc::default() }
    }

    pub(super) fn record(&self, request: &Req) {
        let entry = Arc::new((self.function)(request));
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() < MAX_ENTRIES {
            log.push(Arc::clone(&entry));
        }
    }

    /// The entries so far. They are shared, because cloning a `T` runs user code, which must not
    /// happen within the lock.
    pub(super) fn entries(&self) -> Vec<Arc<T>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<Req, T> Clone for RequestLog<Req, T> {
    fn clone(&self) -> Self {
        Self { function: Arc::clone(&self.function), log: Arc::clone(&self.log) }
    }
}
