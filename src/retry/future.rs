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

use super::{Keep, Policy, course};
use crate::{Attempt, Cause, classify::LetGo, readiness::Readiness, told};

pin_project! {
    /// One request, with all its attempts and waits.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, it drops the attempt that is under way and gives back what it had reserved in the budget and the ledger.
    ///
    /// `S` is the service, `F` its future, `H` what makes a request ready to be sent again, and `T` how it is tried. There are no
    /// bounds on them, and no projections of them within, on purpose: a spawned task holds this future, and the compiler can't prove
    /// bounds there for types with a lifetime in them, such as a boxed error.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, F, H, T, Q> {
        service: S,
        trying: T,
        attempt: Attempt,
        #[pin]
        step: Step<F, H, Q>,
        // The wait before an attempt, or what is left of the attempt's time.
        #[pin]
        timer: Option<Sleep>,
    }
}

/// How a request is tried: the policy with its state, and what is kept of the request.
pub struct Trying<P, St, K, Kept, Req> {
    policy: Arc<P>,
    keep: K,
    state: St,
    kept: Option<Kept>,
    request: PhantomData<fn(Req)>,
}

pin_project! {
    #[project = StepProj]
    #[project_replace = StepOwned]
    enum Step<F, H, Q> {
        // The service wasn't ready when it was asked for this request.
        Unready { readiness: Readiness, request: Q },
        Waiting { request: Q, letting_go: Option<LetGo> },
        Preparing { #[pin] prepared: H },
        Readying { request: Q },
        Calling { #[pin] future: F },
        Done,
    }
}

pub(super) type Future<S, P, K, Req> = ResponseFuture<
    S,
    <S as Service<<K as Keep<Req>>::Request>>::Future,
    <K as Keep<Req>>::Prepared,
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
    (policy, keep): (Arc<P>, K),
    (service, readiness): (S, Readiness),
    request: Req,
) -> Future<S, P, K, Req>
where
    S: Service<K::Request>,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req>,
{
    let state = policy.start(&request);
    let (request, kept) = keep.keep(request);
    begin(Trying { policy, keep, state, kept, request: PhantomData }, (service, readiness), request)
}

impl<P, St, K, Kept, Req> Trying<P, St, K, Kept, Req> {
    pub(super) fn new(policy: Arc<P>, keep: K, state: St, kept: Kept) -> Self {
        Self { policy, keep, state, kept: Some(kept), request: PhantomData }
    }
}

pub(super) fn begin<S, P, K, Req>(
    mut trying: Trying<P, P::State, K, K::Kept, Req>,
    (mut service, readiness): (S, Readiness),
    mut request: K::Request,
) -> Future<S, P, K, Req>
where
    S: Service<K::Request>,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req>,
{
    let policy = &*trying.policy;
    let mut attempt = course::first_attempt(policy, &trying.state, trying.kept.is_some());
    let ends_at = course::ends_at(policy, &attempt);
    let step = if readiness.has_failed() {
        Step::Unready { readiness, request }
    } else if course::came_too_late(&attempt) {
        // It is as if it weren't ready in time.
        Step::Readying { request }
    } else {
        policy.attempt(&mut trying.state, &attempt);
        trying.keep.stamp(&mut request, &attempt, ends_at);
        let future = told::within_budget(course::budget(policy), &mut attempt, || service.call(request));
        Step::Calling { future }
    };
    ResponseFuture { service, trying, attempt, step, timer: ends_at.map(sleep_until) }
}

impl<S, P, K, Req> future::Future
    for ResponseFuture<S, S::Future, K::Prepared, Trying<P, P::State, K, K::Kept, Req>, K::Request>
where
    S: Service<K::Request>,
    S::Error: 'static,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Trying { policy, keep, state, kept, .. } = this.trying;
        let policy = &**policy;
        let budget = course::budget(policy);
        loop {
            // What this attempt came to, and whether the request hasn't been sent; then it is there, unless it was being changed.
            let (mut is_unsent, mut unsent) = (false, None);
            told::clear();
            let polled = match this.step.as_mut().project() {
                StepProj::Calling { future } => told::within_budget(budget, this.attempt, || future.poll(cx)),

                StepProj::Waiting { letting_go, .. } => {
                    if let Some(still) = letting_go {
                        if still.as_mut().poll(cx).is_ready() {
                            *letting_go = None;
                        }
                    }
                    if let Some(wait) = this.timer.as_mut().as_pin_mut() {
                        ready!(wait.poll(cx));
                    }
                    let StepOwned::Waiting { request, .. } = this.step.as_mut().project_replace(Step::Done) else {
                        continue;
                    };
                    let attempt = course::begun(*this.attempt);
                    *this.attempt = attempt;
                    this.timer.set(course::ends_at(policy, &attempt).map(sleep_until));
                    this.step.set(Step::Preparing { prepared: keep.prepare(request, &attempt) });
                    continue;
                }

                StepProj::Preparing { prepared } => match prepared.poll(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(request) => {
                        this.step.set(Step::Readying { request });
                        continue;
                    }
                },

                // Ready before every call, on the very instance that is called.
                StepProj::Readying { .. } => match this.service.poll_ready(cx) {
                    Poll::Pending => Poll::Pending,
                    // Ready too late is not ready: nothing is sent after its time.
                    Poll::Ready(Ok(()))
                        if this.timer.is_some() && course::is_over(course::ends_at(policy, this.attempt)) =>
                    {
                        Poll::Pending
                    }
                    Poll::Ready(ready) => {
                        let owned = this.step.as_mut().project_replace(Step::Done);
                        let StepOwned::Readying { mut request } = owned else { continue };
                        match ready {
                            Ok(()) => {
                                policy.attempt(state, this.attempt);
                                keep.stamp(&mut request, this.attempt, course::ends_at(policy, this.attempt));
                                let call = || this.service.call(request);
                                let future = told::within_budget(budget, this.attempt, call);
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
                    let elapsed = course::elapsed(policy, this.attempt);
                    // Without an answer it goes on, without a limit.
                    let Some(result) = policy.timed_out(elapsed) else { continue };
                    is_unsent = !matches!(this.step.as_mut().project(), StepProj::Calling { .. });
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

            let is_replayable = kept.is_some() || unsent.is_some();
            let attempt = this.attempt.with_replayable(is_replayable).with_unsent(is_unsent || unsent.is_some());
            let Some(next) = course::judge(policy, state, &attempt, &result) else {
                this.step.set(Step::Done);
                return Poll::Ready(result);
            };
            let again = || kept.as_mut().and_then(|kept| keep.again(kept));
            let Some(request) = unsent.or_else(again) else {
                course::refuse(policy, state, &attempt, &result, Cause::NotReplayable);
                this.step.set(Step::Done);
                return Poll::Ready(result);
            };
            // The failed outcome is let go before the wait, so that what it holds can be used meanwhile.
            this.step.set(Step::Waiting { request, letting_go: policy.let_go(result) });
            *this.attempt = next.attempt(*this.attempt);
            let delay = next.delay();
            this.timer.set((delay > Duration::ZERO).then(|| sleep(delay)));
        }
    }
}
