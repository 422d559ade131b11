//! The timer of one body.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Sleep, sleep_until};

use super::{BodyElapsed, BodyLimit, limits::Limits};
use crate::time::Instant;

/// One tokio timer for both limits, created when the consumer first has to wait.
///
/// A received frame doesn't reset the timer, so it doesn't access tokio's timer wheel. The timer
/// may therefore fire early; `poll` then resets it to the limit that applies.
#[derive(Debug)]
pub(super) struct Timer {
    limits: Limits,
    /// The time at which the total limit is exceeded.
    total_until: Option<Instant>,
    /// The time at which the current wait for a frame exceeds the idle limit.
    idle_until: Option<Instant>,
    // Boxed, so that the body is `Unpin` if the inner body is.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// For a body whose head has just arrived.
    pub(super) fn new(limits: Limits) -> Self {
        // `checked_add` fails beyond the clock's range; such a limit is never exceeded.
        let total_until = limits.total.and_then(|total| Instant::now().checked_add(total));
        Self { limits, total_until, idle_until: None, sleep: None }
    }

    /// For a body that is already complete.
    pub(super) fn unlimited() -> Self {
        Self { limits: Limits::default(), total_until: None, idle_until: None, sleep: None }
    }

    /// Ends the wait for a frame. Returns the total limit if the frame came after it.
    pub(super) fn frame_received(&mut self) -> Option<BodyElapsed> {
        self.idle_until = None;
        let limit = self.limits.total?;
        (Instant::now() >= self.total_until?).then_some(BodyElapsed::new(BodyLimit::Total, limit))
    }

    /// Waits until a limit is exceeded.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<BodyElapsed> {
        if let (Some(idle), None) = (self.limits.idle, self.idle_until) {
            self.idle_until = Instant::now().checked_add(idle);
        }
        let idle = self.limits.idle.zip(self.idle_until).map(|(limit, until)| (until, limit, BodyLimit::Idle));
        let total = self.limits.total.zip(self.total_until).map(|(limit, until)| (until, limit, BodyLimit::Total));
        let first = idle.into_iter().chain(total).min_by_key(|&(until, ..)| until);
        let Some((until, limit, kind)) = first else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= until {
                return Poll::Ready(BodyElapsed::new(kind, limit));
            }
            // The timer was set for the wait for an earlier frame.
            sleep.as_mut().reset(until);
        }
    }
}
