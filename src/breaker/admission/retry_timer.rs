//! The wait of a breaker that isn't ready while its circuit rejects.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

/// The time until the circuit should be checked again. Each wait allocates one timer. The mutex is
/// never locked; it makes the service `Sync`.
pub(super) struct RetryTimer(Mutex<Pin<Box<Sleep>>>);

impl RetryTimer {
    /// The longest wait between two checks. A probe may end, or the circuit may be reset, before
    /// `retry_in`, and neither wakes a waiting service.
    ///
    /// A half-open circuit returns a random `retry_in` of at most this time. So this limit doesn't
    /// remove the jitter, which spreads the waiting services.
    const LONGEST: Duration = Duration::from_millis(150);

    pub(super) fn new(retry_in: Option<Duration>) -> Self {
        let wait = retry_in.unwrap_or(Self::LONGEST);
        Self(Mutex::new(Box::pin(sleep(wait.clamp(Duration::from_millis(1), Self::LONGEST)))))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}
