//! The future of [`Retry`](super::Retry): the story of one request.

use std::{
    future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep, sleep_until};
use tower_service::Service;

use super::{Decision, Elapsed, Keep, Policy, service::Shared};
use crate::{Attempt, Cause, Outcome, readiness::Readiness, time::Instant, told};

pin_project! {
    /// One request, with all its attempts and waits.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, it drops the attempt that is under way and gives back what it had reserved in the budget.
    ///
    /// `S` is the service, `F` its future, and `T` how it is tried. There are no bounds on them, and no projections of them
    /// within, on purpose: a spawned task holds this future, and the compiler can't prove bounds there for types with a lifetime
    /// in them, such as a boxed error.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, F, T, Q> {
        service: S,
        trying: T,
        attempt: Attempt,
        #[pin]
        step: Step<F, Q>,
        // The wait before an attempt, or what is left of the attempt's time.
        #[pin]
        timer: Option<Sleep>,
    }
}

/// How a request is tried: the policy with its state, and what is kept of the request.
pub struct Trying<P, St, K, Kept, Req> {
    shared: Arc<Shared<P, K>>,
    state: St,
    kept: Option<Kept>,
    request: PhantomData<fn(Req)>,
}

pin_project! {
    #[project = StepProj]
    #[project_replace = StepOwned]
    enum Step<F, Q> {
        // The service wasn't ready when it was asked for this request.
        Unready { readiness: Readiness, request: Q },
        Waiting { request: Q },
        Readying { request: Q },
        Calling { #[pin] future: F },
        Done,
    }
}

pub(super) type Future<S, P, K, Req> = ResponseFuture<
    S,
    <S as Service<<K as Keep<Req>>::Request>>::Future,
    Trying<
        P,
        <P as Policy<
            Req,
            <S as Service<<K as Keep<Req>>::Request>>::Response,
            <S as Service<<K as Keep<Req>>::Request>>::Error,
        >>::State,
        K,
        <K as Keep<Req>>::Kept,
        Req,
    >,
    <K as Keep<Req>>::Request,
>;

pub(super) fn start<S, P, K, Req>(
    shared: Arc<Shared<P, K>>,
    mut service: S,
    readiness: Readiness,
    request: Req,
) -> Future<S, P, K, Req>
where
    S: Service<K::Request>,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req>,
{
    let mut state = shared.policy.start(&request);
    let (request, kept) = shared.keep.keep(request);
    let (attempt, timer) = first_attempt(&shared.policy, kept.is_some());
    let step = if readiness.has_failed() {
        Step::Unready { readiness, request }
    } else {
        shared.policy.attempt(&mut state, &attempt);
        let future = told::within_budget(budget(&shared.policy), || service.call(request));
        Step::Calling { future }
    };
    ResponseFuture { service, trying: Trying { shared, state, kept, request: PhantomData }, attempt, step, timer }
}

impl<S, P, K, Req> future::Future for ResponseFuture<S, S::Future, Trying<P, P::State, K, K::Kept, Req>, K::Request>
where
    S: Service<K::Request>,
    S::Error: 'static,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Trying { shared, state, kept, .. } = this.trying;
        let policy = &shared.policy;
        let budget = budget(policy);
        loop {
            // What this attempt came to, and the request if it hasn't been sent.
            let mut unsent = None;
            told::clear();
            let polled = match this.step.as_mut().project() {
                StepProj::Calling { future } => told::within_budget(budget, || future.poll(cx)),

                StepProj::Waiting { .. } => {
                    if let Some(wait) = this.timer.as_mut().as_pin_mut() {
                        ready!(wait.poll(cx));
                    }
                    let StepOwned::Waiting { request } = this.step.as_mut().project_replace(Step::Done) else {
                        continue;
                    };
                    let (attempt, limit) = next_attempt(policy, *this.attempt);
                    *this.attempt = attempt;
                    this.timer.set(limit);
                    this.step.set(Step::Readying { request });
                    continue;
                }

                // Ready before every call, on the very instance that is called.
                StepProj::Readying { .. } => match this.service.poll_ready(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(ready) => {
                        let owned = this.step.as_mut().project_replace(Step::Done);
                        let StepOwned::Readying { request } = owned else { continue };
                        match ready {
                            Ok(()) => {
                                policy.attempt(state, this.attempt);
                                let future = told::within_budget(budget, || this.service.call(request));
                                this.step.set(Step::Calling { future });
                                continue;
                            }
                            Err(error) => {
                                unsent = Some(request);
                                Poll::Ready(Err(error))
                            }
                        }
                    }
                },

                StepProj::Unready { .. } => {
                    let owned = this.step.as_mut().project_replace(Step::Done);
                    let StepOwned::Unready { mut readiness, request } = owned else { continue };
                    match readiness.take_error() {
                        Some(error) => {
                            unsent = Some(request);
                            Poll::Ready(Err(error))
                        }
                        // An error of another request type is none of this one: it is asked again.
                        None => {
                            this.step.set(Step::Readying { request });
                            continue;
                        }
                    }
                }

                StepProj::Done => panic!("polled after completion"),
            };

            let result = match polled {
                Poll::Ready(result) => result,
                Poll::Pending => {
                    // No timer, no limit: nothing but the service can wake us.
                    let Some(limit) = this.timer.as_mut().as_pin_mut() else { return Poll::Pending };
                    ready!(limit.poll(cx));
                    this.timer.set(None);
                    let elapsed = elapsed(policy, this.attempt);
                    let Some(result) = policy.timed_out(elapsed) else { return Poll::Pending };
                    if let StepProj::Readying { .. } = this.step.as_mut().project() {
                        let owned = this.step.as_mut().project_replace(Step::Done);
                        let StepOwned::Readying { request } = owned else { continue };
                        unsent = Some(request);
                    } else {
                        // A breaker in there is to know that this wasn't the caller's change of mind.
                        told::cut_off(|| this.step.set(Step::Done));
                    }
                    told::clear();
                    result
                }
            };

            let said = told::take(&result);
            let now = (!policy.limits().is_none()).then(Instant::now);
            let took = now.zip(this.attempt.started()).map(|(now, started)| now - started);
            let outcome = Outcome::new(result.as_ref()).with_elapsed(took).with_cause(said);
            // A request that was never sent can be sent, however little of it was kept.
            let attempt = this.attempt.with_replayable(kept.is_some() || unsent.is_some());
            let delay = match policy.decide(state, &attempt, outcome) {
                Decision::Retry { delay, .. } => delay,
                Decision::Return(reason) => {
                    told::pass_on(&result, said.filter(Cause::is_rejection).or(reason.cause()));
                    this.step.set(Step::Done);
                    return Poll::Ready(result);
                }
            };

            // Never sleep past the deadline, whatever the policy says.
            let left = now.and_then(|now| this.attempt.remaining(now));
            let too_late = left.is_some_and(|left| left <= delay);
            let again = || kept.as_mut().and_then(|kept| shared.keep.again(kept));
            let request = match unsent.or_else(again) {
                Some(request) if !too_late => request,
                request => {
                    let cause = if request.is_none() { Cause::NotReplayable } else { Cause::Deadline };
                    policy.not_retried(state, &attempt, cause);
                    told::pass_on(&result, Some(cause));
                    this.step.set(Step::Done);
                    return Poll::Ready(result);
                }
            };
            // The failed outcome is let go before the wait, so that what it holds can be used meanwhile.
            drop(result);
            this.step.set(Step::Waiting { request });
            this.timer.set((delay > Duration::ZERO).then(|| sleep(delay)));
        }
    }
}

fn first_attempt<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, replayable: bool) -> (Attempt, Option<Sleep>) {
    let limits = policy.limits();
    if limits.is_none() {
        return (Attempt::first(None, None, replayable), None);
    }
    let now = Instant::now();
    let deadline = limits.total.and_then(|total| now.checked_add(total));
    let attempt = Attempt::first(Some(now), deadline, replayable);
    (attempt, ends_at(policy, &attempt).map(sleep_until))
}

fn next_attempt<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, before: Attempt) -> (Attempt, Option<Sleep>) {
    if policy.limits().is_none() {
        return (before.next(None), None);
    }
    let attempt = before.next(Some(Instant::now()));
    (attempt, ends_at(policy, &attempt).map(sleep_until))
}

/// When an attempt is cut off: at its own limit or the deadline, whichever is earlier.
fn ends_at<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, attempt: &Attempt) -> Option<Instant> {
    let own = attempt.started().zip(policy.limits().attempt).and_then(|(started, limit)| started.checked_add(limit));
    match (own, attempt.deadline()) {
        (Some(own), Some(deadline)) => Some(own.min(deadline)),
        (own, deadline) => own.or(deadline),
    }
}

/// Which of the limits it was.
fn elapsed<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, attempt: &Attempt) -> Elapsed {
    let limits = policy.limits();
    let deadline_passed = attempt.deadline().is_some_and(|deadline| deadline <= Instant::now());
    match (limits.attempt, limits.total) {
        (_, Some(total)) if deadline_passed => Elapsed::request(total),
        (Some(attempt), _) => Elapsed::attempt(attempt),
        (None, total) => Elapsed::request(total.unwrap_or_default()),
    }
}

/// Tells one budget from another: its address.
fn budget<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>) -> usize {
    policy.budget().map_or(0, |budget| std::ptr::from_ref(budget).cast::<()>() as usize)
}
