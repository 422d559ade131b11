//! When the limits of one body are exceeded.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Sleep, sleep_until};

use super::{BodyElapsed, BodyLimit, layer::Limits};
use crate::time::Instant;

/// One tokio timer serves both limits. It is made when the consumer has to wait for the first time.
/// A frame doesn't move it: it may fire early, and is moved then. So a frame costs no access to
/// tokio's timer wheel.
#[derive(Debug)]
pub(super) struct Timer {
    limits: Limits,
    /// When the total limit is exceeded.
    ends: Option<Instant>,
    /// When the present wait for a frame exceeds the idle limit.
    idle_until: Option<Instant>,
    // In a box, so that the body is `Unpin` if the inner body is.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Of a body whose head came now.
    pub(super) fn new(limits: Limits) -> Self {
        // A limit beyond the clock's range is never exceeded.
        let ends = limits.total.and_then(|total| Instant::now().checked_add(total));
        Self { limits, ends, idle_until: None, sleep: None }
    }

    /// Of a body that nothing is to come of.
    pub(super) fn unlimited() -> Self {
        Self { limits: Limits::default(), ends: None, idle_until: None, sleep: None }
    }

    /// A frame came. Returns the total limit if it came too late.
    pub(super) fn came(&mut self) -> Option<BodyElapsed> {
        self.idle_until = None;
        let limit = self.limits.total?;
        (Instant::now() >= self.ends?).then_some(BodyElapsed::new(BodyLimit::Total, limit))
    }

    /// No frame is there: waits until a limit is exceeded.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<BodyElapsed> {
        if let (Some(idle), None) = (self.limits.idle, self.idle_until) {
            self.idle_until = Instant::now().checked_add(idle);
        }
        let idle = self.limits.idle.zip(self.idle_until).map(|(limit, until)| (until, limit, BodyLimit::Idle));
        let total = self.limits.total.zip(self.ends).map(|(limit, until)| (until, limit, BodyLimit::Total));
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
            // It was set for the wait for an earlier frame.
            sleep.as_mut().reset(until);
        }
    }
}
