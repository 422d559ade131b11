//! The future of [`DeadlineService`](super::DeadlineService).

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use ::http::Response;
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tokio::time::{Sleep, sleep_until};

use super::Deadline;
use crate::{
    CallReport, Cause, Elapsed,
    call_context::{
        result_note,
        timeout_scope::{self, TimeoutScope},
    },
    http::inner_call::poll_inner,
    retry::TimeoutOutcome,
    time::Instant,
};

pin_project! {
    /// Waits for the response, at most until the deadline.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the inner call.
    #[must_use = "futures do nothing unless polled"]
    // The type has neither bounds nor projections: the compiler can't prove them in a spawned task
    // for types that contain a lifetime, such as a boxed error (`tests/stack/spawned.rs`).
    pub struct ResponseFuture<Fut, Timeout, Outcome> {
        // `None` if the deadline had passed before the call, and after the outcome was returned.
        #[pin]
        call: Option<SyncWrapper<Fut>>,
        // The outcome of a call whose deadline had passed before.
        expired: SyncWrapper<Option<Box<Outcome>>>,
        // Created when the call isn't ready at its first poll.
        #[pin]
        timer: Option<Sleep>,
        // `None` without a deadline, and after the timeout has produced no outcome.
        limit: Option<Limit>,
        timeout: Timeout,
    }
}

/// The deadline of one call.
struct Limit {
    at: Instant,
    /// The time from the call to the deadline.
    time: Duration,
    /// The call's number in the [`timeout_scope`]: a breaker inside counts a failure if this layer
    /// drops the call.
    scope: u16,
}

impl<Fut, Timeout, Outcome> ResponseFuture<Fut, Timeout, Outcome> {
    pub(super) fn unlimited(call: Fut, timeout: Timeout) -> Self {
        Self { call: Some(SyncWrapper::new(call)), expired: SyncWrapper::new(None), timer: None, limit: None, timeout }
    }

    /// The deadline has passed, so the inner service isn't called.
    pub(super) fn expired(outcome: Outcome, timeout: Timeout) -> Self {
        Self { call: None, expired: SyncWrapper::new(Some(Box::new(outcome))), timer: None, limit: None, timeout }
    }

    pub(super) fn limited(call: impl FnOnce() -> Fut, now: Instant, deadline: Deadline, timeout: Timeout) -> Self {
        let (at, scope) = (deadline.at(), timeout_scope::number());
        let call = {
            let _scope = TimeoutScope::enter(scope);
            call()
        };
        let limit = Limit { at, time: at.saturating_duration_since(now), scope };
        Self {
            call: Some(SyncWrapper::new(call)),
            expired: SyncWrapper::new(None),
            timer: None,
            limit: Some(limit),
            timeout,
        }
    }
}

impl<Fut, B, Err, Timeout> Future for ResponseFuture<Fut, Timeout, Result<Response<B>, Err>>
where
    Fut: Future<Output = Result<Response<B>, Err>>,
    Timeout: TimeoutOutcome<Response<B>, Err>,
{
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(expired) = this.expired.get_mut().take() {
            return Poll::Ready(at_deadline(*expired));
        }
        loop {
            let call = this.call.as_mut().as_pin_mut().expect("polled after completion");
            let polled = {
                let _scope = this.limit.as_ref().and_then(|limit| TimeoutScope::enter(limit.scope));
                poll_inner(call.get_pin_mut(), cx)
            };
            if let Poll::Ready((result, report)) = polled {
                this.call.set(None);
                result_note::forward(&result, report);
                return Poll::Ready(result);
            }
            let Some(limit) = this.limit.as_ref() else { return Poll::Pending };
            if this.timer.is_none() {
                this.timer.set(Some(sleep_until(limit.at)));
            }
            ready!(this.timer.as_mut().as_pin_mut().expect("it was just set").poll(cx));
            let (elapsed, scope) = (Elapsed::request(limit.time), limit.scope);
            *this.limit = None;
            if let Some(outcome) = this.timeout.outcome(elapsed) {
                timeout_scope::end(scope, || this.call.set(None));
                return Poll::Ready(at_deadline(outcome));
            }
            // There is no outcome, so the call goes on without a limit. It is polled again, so that
            // it registers its waker.
        }
    }
}

/// Reports why the call ended.
fn at_deadline<B, Err>(outcome: Result<Response<B>, Err>) -> Result<Response<B>, Err> {
    result_note::forward(&outcome, Some(CallReport::failed_because(Cause::Deadline)));
    outcome
}
