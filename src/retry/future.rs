//! The future of [`Retry`](super::Retry): the story of one request, from its first call on.

mod start;

use std::{
    future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep, sleep_until};
use tower_service::Service;

use super::{
    Decision, Keep, Policy, Reason,
    course::{self, Next},
    spare::Instances,
};
use crate::{
    Attempt, Cause, How, Outcome,
    call_context::{
        budget_scope::BudgetScope,
        result_note::{self, Note},
        timeout_scope::{self, TimeoutScope},
    },
    classify::{LetGo, evidence::examine},
    readiness::Readiness,
    seldom::Seldom,
    shared::Share,
    time::Instant,
};

use start::send;
pub(super) use start::{Future, run, start};

const DONE: &str = "polled after completion";

/// Some thirty attempts: each takes up to four steps. Without a wait between them, all attempts of a request would be made in one poll, and no
/// other task of the thread would run meanwhile. tokio's own budget is for tokio's resources and its runtime; this holds in any executor.
const STEPS_PER_POLL: u32 = 128;

pin_project! {
    /// One request, with all its attempts and waits.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any point, it drops the attempt that is under way and gives back what it had reserved in the budget and the ledger.
    ///
    /// `I` is the instance for later attempts, `F` the service's future, `H` what makes a request ready to be sent again, and `T` how it is tried. There are no
    /// bounds on them, and no projections of them within, on purpose: a spawned task holds this future, and the compiler can't prove
    /// bounds there for types with a lifetime in them, such as a boxed error.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<I, F, H, T, Q> {
        instance: I,
        trying: T,
        attempt: Attempt,
        #[pin]
        step: Step<F>,
        // What comes before an attempt: most requests never need it, so it is made when one does, and then kept.
        before: Seldom<Pin<Box<Before<H, Q>>>>,
        // The wait before an attempt, or what is left of the attempt's time.
        #[pin]
        timer: Option<Sleep>,
    }
}

/// How a request is tried: the policy with its state, and what is kept of the request.
pub struct Trying<P, B, St, K, Kept, Req> {
    policy: Share<P, B>,
    keep: K,
    state: St,
    kept: Option<Kept>,
    request: PhantomData<fn(Req)>,
}

pin_project! {
    #[project = StepProj]
    enum Step<F> {
        Calling { #[pin] future: F },
        // What comes before a call lies beside this; if nothing does, all is done.
        Between,
    }
}

pin_project! {
    #[project = BeforeProj]
    #[project_replace = BeforeOwned]
    enum Before<H, Q> {
        // No attempt was begun yet: the service had failed to get ready, or the request came too late, which is as if it weren't ready in time.
        Uncalled { readiness: Readiness, request: Q },
        Waiting { request: Q, letting_go: Option<LetGo> },
        Preparing { #[pin] prepared: H },
        Readying { request: Q },
        // A call is under way, or all is done.
        Nothing,
    }
}

impl<I, S, B, P, K, Req> future::Future
    for ResponseFuture<I, S::Future, K::Prepared, Trying<P, B, P::State, K, K::Kept, Req>, K::Request>
where
    I: Instances<B, Service = S>,
    S: Service<K::Request>,
    S::Error: 'static,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req>,
{
    type Output = Result<S::Response, S::Error>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_call(cx, Self::go_on)
    }
}

/// What there is to do if an answer isn't just passed on.
enum Then<R> {
    /// To look at the step: there was no call to poll.
    Look,
    /// To see whether the attempt's time is over.
    Limit,
    /// To judge what it came to.
    Judge(R, Note),
    /// To do what was decided about an untimed one.
    Follow(R, Decision),
}

/// What an attempt came to.
struct Came<R, Q> {
    result: R,
    /// The request wasn't sent.
    is_unsent: bool,
    /// Then it is here, unless it was being changed.
    request: Option<Q>,
}

impl<R, Q> Came<R, Q> {
    fn sent(result: R) -> Self {
        Self { result, is_unsent: false, request: None }
    }

    fn unsent(result: R, request: Q) -> Self {
        Self { result, is_unsent: true, request: Some(request) }
    }

    /// The attempt, as it is known by now.
    fn attempt(&self, attempt: &Attempt, is_kept: bool) -> Attempt {
        attempt.with_replayable(is_kept || self.request.is_some()).with_unsent(self.is_unsent)
    }
}

type CameOf<S, Q> = Came<Answer<S, Q>, Q>;

/// What a service of requests `Q` answers.
type Answer<S, Q> = Result<<S as Service<Q>>::Response, <S as Service<Q>>::Error>;

impl<I, S, B, P, K, Req> ResponseFuture<I, S::Future, K::Prepared, Trying<P, B, P::State, K, K::Kept, Req>, K::Request>
where
    I: Instances<B, Service = S>,
    S: Service<K::Request>,
    S::Error: 'static,
    P: Policy<Req, S::Response, S::Error>,
    K: Keep<Req>,
{
    /// The way of nearly every request, and all of it: the first attempt is called, untimed, and succeeds. If there is more to do,
    /// `otherwise` does it.
    ///
    /// The response is held by value until that is known, as what is lent to code elsewhere must lie in memory. So must what is either
    /// this or that: hence no result that says what there is to do.
    #[inline(always)]
    fn poll_call(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        otherwise: impl FnOnce(Pin<&mut Self>, Then<Answer<S, K::Request>>, &mut Context<'_>) -> Poll<Answer<S, K::Request>>,
    ) -> Poll<Answer<S, K::Request>> {
        let this = self.as_mut().project();
        let StepProj::Calling { future } = this.step.project() else { return otherwise(self, Then::Look, cx) };
        let Trying { policy, state, keep, kept, .. } = this.trying;
        let policy = &**policy;
        let within = BudgetScope::enter(course::budget(policy));
        let timed = TimeoutScope::enter(this.attempt.scope());
        let (polled, note) = result_note::poll(future, cx);
        drop(timed);
        this.attempt.account(within.is_some_and(BudgetScope::exit));
        match polled {
            Poll::Ready(Ok(response))
                if note.is_empty()
                    && !policy.origin(Ok(&response)).is_rejected()
                    && this.attempt.is_plain()
                    && kept.as_ref().is_none_or(|kept| keep.is_kept(kept)) =>
            {
                let decision = policy.decide(state, this.attempt, Outcome::new(Ok(&response)));
                if !matches!(decision, Decision::Return(Reason::Success)) {
                    return otherwise(self, Then::Follow(Ok(response), decision), cx);
                }
                result_note::reset();
                Poll::Ready(Ok(response))
            }
            Poll::Ready(result) => otherwise(self, Then::Judge(result, note), cx),
            // Nothing but the service can wake us.
            Poll::Pending => {
                this.attempt.pend();
                if this.attempt.is_untimed() { Poll::Pending } else { otherwise(self, Then::Limit, cx) }
            }
        }
    }

    /// The way of all others.
    #[cold]
    fn go_on(
        mut self: Pin<&mut Self>,
        mut then: Then<Answer<S, K::Request>>,
        cx: &mut Context<'_>,
    ) -> Poll<Answer<S, K::Request>> {
        let mut steps = 0;
        loop {
            let answer = match then {
                Then::Look => {
                    ready!(self.as_mut().poll_between(cx)).and_then(|came| self.as_mut().judge(came, Note::NONE))
                }
                // Without an answer to that it goes on, without a limit.
                Then::Limit => {
                    ready!(self.as_mut().poll_limit(cx)).and_then(|came| self.as_mut().judge(came, Note::NONE))
                }
                Then::Judge(result, note) => self.as_mut().judge(Came::sent(result), note),
                Then::Follow(result, decision) => self.as_mut().follow(Came::sent(result), None, (decision, None)),
            };
            if let Some(answer) = answer {
                return Poll::Ready(answer);
            }
            steps += 1;
            if steps == STEPS_PER_POLL {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let mut more = None;
            let polled = self.as_mut().poll_call(cx, |_, then, _| {
                more = Some(then);
                Poll::Pending
            });
            let Some(more) = more else { return polled };
            then = more;
        }
    }

    /// The steps between two calls, and before the first one if the service wasn't ready. `None`: another step is to be looked at.
    fn poll_between(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<CameOf<S, K::Request>>> {
        let mut this = self.as_mut().project();
        let Trying { policy: shared, keep, state, .. } = this.trying;
        let policy = &**shared;
        let mut before = this.before.as_mut().expect(DONE).as_mut();
        match before.as_mut().project() {
            BeforeProj::Waiting { letting_go, .. } => {
                if letting_go.as_mut().is_some_and(|still| still.as_mut().poll(cx).is_ready()) {
                    *letting_go = None;
                }
                if let Some(wait) = this.timer.as_mut().as_pin_mut() {
                    ready!(wait.poll(cx));
                }
                let BeforeOwned::Waiting { request, .. } = before.as_mut().project_replace(Before::Nothing) else {
                    return Poll::Ready(None);
                };
                let attempt = course::begun(*this.attempt);
                *this.attempt = attempt;
                this.timer.set(course::ends_at(policy, &attempt).map(sleep_until));
                before.set(Before::Preparing { prepared: keep.prepare(request, &attempt) });
            }

            BeforeProj::Preparing { prepared } => match prepared.poll(cx) {
                Poll::Pending => return self.poll_limit(cx),
                Poll::Ready(request) => before.set(Before::Readying { request }),
            },

            // Ready before every call, on the very instance that is called.
            BeforeProj::Readying { .. } => {
                let Poll::Ready(service) = this.instance.poll_get(shared.beside(), cx) else {
                    return self.poll_limit(cx);
                };
                match service.poll_ready(cx) {
                    Poll::Pending => return self.poll_limit(cx),
                    // Ready too late is not ready: nothing is sent after its time.
                    Poll::Ready(Ok(())) if course::is_over(course::cut_off_at(policy, this.attempt)) => {
                        return self.poll_limit(cx);
                    }
                    Poll::Ready(ready) => {
                        let owned = before.as_mut().project_replace(Before::Nothing);
                        let BeforeOwned::Readying { request } = owned else { return Poll::Ready(None) };
                        if let Err(error) = ready {
                            return Poll::Ready(Some(Came::unsent(Err(error), request)));
                        }
                        let ends_at = course::ends_at(policy, this.attempt);
                        let future = send((policy, &*keep), state, (this.attempt, ends_at), service, request);
                        this.step.set(Step::Calling { future });
                    }
                }
            }

            BeforeProj::Uncalled { .. } => {
                let owned = before.as_mut().project_replace(Before::Nothing);
                let BeforeOwned::Uncalled { mut readiness, request } = owned else { return Poll::Ready(None) };
                match readiness.take_error() {
                    Some(error) => return Poll::Ready(Some(Came::unsent(Err(error), request))),
                    // An error of another request type is none of this one: it is asked again.
                    None => before.set(Before::Readying { request }),
                }
            }

            BeforeProj::Nothing => panic!("{DONE}"),
        }
        Poll::Ready(None)
    }

    /// Cuts off an attempt whose time is over. `None`: there is no answer to that, and so no limit any more.
    fn poll_limit(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<CameOf<S, K::Request>>> {
        let mut this = self.project();
        let policy = &*this.trying.policy;
        if this.timer.is_none() {
            // That of the first attempt is made when it is needed: most are answered at once, or never need it.
            this.timer.set(course::cut_off_at(policy, this.attempt).map(sleep_until));
        }
        let Some(limit) = this.timer.as_mut().as_pin_mut() else { return Poll::Pending };
        ready!(limit.poll(cx));
        this.timer.set(None);
        let Some(result) = policy.timed_out(course::elapsed(policy, this.attempt)) else {
            this.attempt.unlimit();
            return Poll::Ready(None);
        };
        let is_unsent = !matches!(this.step.as_mut().project(), StepProj::Calling { .. });
        // A breaker in there is to know that this wasn't the caller's change of mind.
        let request = timeout_scope::end(this.attempt.scope(), || {
            this.step.set(Step::Between);
            match this.before.as_mut()?.as_mut().project_replace(Before::Nothing) {
                BeforeOwned::Readying { request } => Some(request),
                _ => None,
            }
        });
        Poll::Ready(Some(Came { result, is_unsent, request }))
    }

    /// What the caller gets of an attempt that came to this, unless it is tried again.
    fn judge(mut self: Pin<&mut Self>, came: CameOf<S, K::Request>, note: Note) -> Option<Answer<S, K::Request>> {
        let this = self.as_mut().project();
        let Trying { policy, keep, state, kept, .. } = this.trying;
        let said = examine(&came.result, note, |outcome| policy.origin(outcome));
        if came.is_unsent {
            // It may have reserved the call that isn't made, and others would wait for that until the next attempt.
            this.instance.release();
        }
        let attempt = came.attempt(this.attempt, kept.as_ref().is_some_and(|kept| keep.is_kept(kept)));
        let decided = course::decide(&**policy, state, &attempt, came.result.as_ref(), said);
        self.follow(came, said, decided)
    }

    /// What the caller gets after this decision, unless it is to try again: then the outcome is let go, and the next attempt waited for. An
    /// outcome is returned if the request can't be sent again.
    fn follow(
        self: Pin<&mut Self>,
        came: CameOf<S, K::Request>,
        said: Option<How>,
        decided: (Decision, Option<Instant>),
    ) -> Option<Answer<S, K::Request>> {
        let mut this = self.project();
        let Trying { policy, keep, state, kept, .. } = this.trying;
        let policy = &**policy;
        let attempt = came.attempt(this.attempt, kept.is_some());
        let Came { result, request: unsent, .. } = came;
        let next = course::follow(policy, state, &attempt, said, decided).and_then(|next| {
            let again = || kept.as_mut().and_then(|kept| keep.again(kept));
            match unsent.or_else(again) {
                Some(request) => Ok((next, request)),
                None => Err(Some(course::refuse(policy, state, &attempt, said, Cause::NotReplayable))),
            }
        });
        let (next, request) = match next {
            Ok(next) => next,
            Err(note) => {
                // Dropping the call runs other code, which may write notes of its own.
                this.step.set(Step::Between);
                result_note::forward(&result, note);
                return Some(result);
            }
        };
        if matches!(next, Next::WaitOut(_)) && !attempt.is_unsent() {
            // The breaker rejected the call after the instance had reserved it in the services within.
            this.instance.release();
        }
        // The failed outcome is let go before the wait, so that what it holds can be used meanwhile.
        let waiting = Before::Waiting { request, letting_go: policy.let_go(result) };
        match this.before.as_mut() {
            Some(before) => before.set(waiting),
            None => *this.before = Some(Box::pin(waiting)).into(),
        }
        this.step.set(Step::Between);
        *this.attempt = next.attempt(*this.attempt);
        let delay = next.delay();
        this.timer.set((delay > Duration::ZERO).then(|| sleep(delay)));
        None
    }
}
