//! Staying not-ready while a circuit rejects.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

use super::{Circuit, Permit, Rejection, rule::Asking};

/// A permit that came with readiness, before there was a call. Given up unused, it says nothing of the service.
pub(super) struct Granted(Option<Permit>);

impl Granted {
    pub(super) fn use_it(mut self) -> Permit {
        let mut permit = self.0.take().expect("a permit until it is used");
        permit.blame(true);
        permit.begin();
        permit
    }
}

impl Drop for Granted {
    #[inline]
    fn drop(&mut self) {
        if let Some(permit) = self.0.take() {
            permit.unused();
        }
    }
}

impl<C> Circuit<C> {
    /// A permit, if there is one. A rejection isn't counted: no call was made.
    pub(super) fn grant(&self) -> Result<Granted, Rejection> {
        let mut permit = self.ask(Asking::Request)?;
        permit.blame(false);
        Ok(Granted(Some(permit)))
    }
}

/// The time until it is worth looking again. The box is made once a wait; the mutex, which is never locked, keeps the service
/// `Sync`.
pub(super) struct Waiting(Mutex<Pin<Box<Sleep>>>);

impl Waiting {
    /// A probe may end, or a circuit may be reset, before that time without waking a waiter. So a waiter looks at the circuit at
    /// least this often. It is the longest hint of a half-open circuit, so that the hints' jitter spreads the waiters.
    const LONGEST: Duration = Duration::from_millis(150);

    pub(super) fn on(retry_in: Option<Duration>) -> Self {
        let wait = retry_in.unwrap_or(Self::LONGEST);
        Self(Mutex::new(Box::pin(sleep(wait.clamp(Duration::from_millis(1), Self::LONGEST)))))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}
