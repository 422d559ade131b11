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
    /// A probe may end, or a circuit may be reset, before that time, and neither wakes a waiting
    /// service. So a waiting service checks the circuit at least this often. It is the longest hint
    /// of a half-open circuit, so the jitter of the hints spreads the waiting services.
    const LONGEST: Duration = Duration::from_millis(150);

    pub(super) fn new(retry_in: Option<Duration>) -> Self {
        let wait = retry_in.unwrap_or(Self::LONGEST);
        Self(Mutex::new(Box::pin(sleep(wait.clamp(Duration::from_millis(1), Self::LONGEST)))))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}
