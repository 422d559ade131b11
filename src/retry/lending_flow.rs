//! The attempts of [`run_lending`](super::RetryLayer::run_lending) and
//! [`run_with`](super::RetryLayer::run_with), as one async function.
//!
//! [`ResponseFuture`](super::future::ResponseFuture) can't hold the future of an attempt that
//! borrows from the function beside it. An async function can.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Poll, ready},
    time::Duration,
};

use tokio::time::{Sleep, sleep, sleep_until};

use super::{
    Policy,
    attempt_flow::{AfterAttempt, AttemptOutcome, after_attempt, budget_address, in_scopes},
    attempt_time::{begin, came_too_late, enforced_deadline, is_over, reached_limit},
    function_service::AttemptAsRequest,
    last_outcome,
    request_flow::ATTEMPTS_PER_POLL,
    stored_copy::StoredCopy,
};
use crate::{
    Attempt,
    call_context::{
        result_note::{self, Note},
        timeout_scope,
    },
    classify::DrainFuture,
    sharded_arc::ArcShard,
    time::Instant,
};

/// An async function whose future borrows from it. `Output` is no parameter of the trait: with it,
/// the compiler couldn't prove that the future is `Send` for an error such as `Box<dyn Error>`.
pub(super) trait AttemptFn {
    type Output;

    fn call(&mut self, attempt: Attempt) -> impl Future<Output = Self::Output>;
}

pub(super) struct Lending<F>(pub(super) F);

impl<F, Output> AttemptFn for Lending<F>
where
    F: AsyncFnMut(Attempt) -> Output,
{
    type Output = Output;

    fn call(&mut self, attempt: Attempt) -> impl Future<Output = Output> {
        (self.0)(attempt)
    }
}

/// A function, and the value that it gets.
pub(super) struct LendingTo<'a, T: ?Sized, F>(pub(super) &'a mut T, pub(super) F);

impl<T, F, Output> AttemptFn for LendingTo<'_, T, F>
where
    T: ?Sized,
    F: AsyncFnMut(&mut T, Attempt) -> Output,
{
    type Output = Output;

    fn call(&mut self, attempt: Attempt) -> impl Future<Output = Output> {
        (self.1)(&mut *self.0, attempt)
    }
}

/// Makes attempts until one of them has the result.
///
/// `State` is a parameter of its own. As a projection of `P` it would contain `Err`, and for an
/// `Err` such as `Box<dyn Error>` the compiler couldn't prove that the future is `Send`.
pub(super) async fn run_attempts<P, State, Req, F, Res, Err>(
    policy: ArcShard<P>,
    mut state: State,
    first: Attempt,
    mut function: F,
) -> Result<Res, Err>
where
    P: Policy<Req, Res, Err, State = State>,
    F: AttemptFn<Output = Result<Res, Err>>,
    Err: 'static,
{
    let mut stored = StoredCopy::<_, _, Req>::new(AttemptAsRequest, Some(()));
    let mut attempt = first;
    let mut last = None;
    let mut without_delay = 0;
    loop {
        let mut outcome = match result_if_too_late(&*policy, &mut attempt) {
            Some(result) => AttemptOutcome::unsent(result, None),
            None => {
                policy.attempt(&mut state, &attempt);
                let shown = attempt;
                let budget = budget_address(&*policy);
                let mut call = pin!(Some(in_scopes(budget, &mut attempt, || function.call(shown))));
                loop {
                    let deadline = enforced_deadline(&*policy, &attempt);
                    if let Some((result, note)) = poll_call(call.as_mut(), budget, &mut attempt, deadline).await {
                        break AttemptOutcome::called(result, note);
                    }
                    match policy.timed_out(reached_limit(&*policy, &attempt)) {
                        Some(result) => {
                            // An inner breaker counts a call that is dropped inside this closure as
                            // failed, not as cancelled.
                            timeout_scope::end(attempt.scope(), || call.set(None));
                            break AttemptOutcome::called(result, Note::NONE);
                        }
                        None => attempt.unlimit(),
                    }
                }
            }
        };
        match after_attempt(&*policy, &mut state, &mut stored, &attempt, &mut outcome) {
            AfterAttempt::Return(report) => return last_outcome::choose(outcome, report, last),
            AfterAttempt::Repeat(next) => {
                // Discarded before the delay, so that other requests can use what the outcome
                // holds.
                let discarded = last_outcome::keep(&attempt, outcome, &mut last);
                let discarding = discarded.and_then(|outcome| policy.discard(outcome));
                without_delay = if next.delay.is_zero() { without_delay + 1 } else { 0 };
                wait(next.delay, discarding, without_delay == ATTEMPTS_PER_POLL).await;
                without_delay %= ATTEMPTS_PER_POLL;
                attempt = begin(next.attempt);
            }
        }
    }
}

/// The policy's result for an attempt that can't be made any more: the deadline had passed before
/// the request was made, or has passed during the delay.
fn result_if_too_late<P, Req, Res, Err>(policy: &P, attempt: &mut Attempt) -> Option<Result<Res, Err>>
where
    P: Policy<Req, Res, Err>,
{
    let is_too_late = match attempt.number() {
        1 => came_too_late(attempt),
        _ => is_over(enforced_deadline(policy, attempt)),
    };
    if !is_too_late {
        return None;
    }
    let result = policy.timed_out(reached_limit(policy, attempt));
    if result.is_none() {
        attempt.unlimit();
    }
    result
}

/// Polls a call to its end. `None`: its time is over.
///
/// The policy is no parameter, for the same reason as `State` above.
async fn poll_call<Fut: Future>(
    mut call: Pin<&mut Option<Fut>>,
    budget: usize,
    attempt: &mut Attempt,
    deadline: Option<Instant>,
) -> Option<(Fut::Output, Note)> {
    let mut timer = pin!(None::<Sleep>);
    poll_fn(|cx| {
        let running = call.as_mut().as_pin_mut().expect("the call isn't over");
        let (polled, note) = in_scopes(budget, attempt, || result_note::poll(running, cx));
        if let Poll::Ready(result) = polled {
            return Poll::Ready(Some((result, note)));
        }
        attempt.pend();
        let Some(deadline) = deadline else { return Poll::Pending };
        if timer.is_none() {
            timer.set(Some(sleep_until(deadline)));
        }
        let timer = timer.as_mut().as_pin_mut().expect("it was set above");
        timer.poll(cx).map(|()| None)
    })
    .await
}

/// Waits before an attempt. Meanwhile, the outcome of the previous one is discarded.
///
/// `yields`: without a delay, other tasks of the thread can run first.
async fn wait(delay: Duration, mut discarding: Option<DrainFuture>, mut yields: bool) {
    let mut delay = pin!((delay > Duration::ZERO).then(|| sleep(delay)));
    poll_fn(|cx| {
        if discarding.as_mut().is_some_and(|discarding| discarding.as_mut().poll(cx).is_ready()) {
            discarding = None;
        }
        if let Some(delay) = delay.as_mut().as_pin_mut() {
            ready!(delay.poll(cx));
        }
        if std::mem::take(&mut yields) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}
