//! One request, from its first call to its result: how its future is polled.
//!
//! [`attempt_flow`](super::attempt_flow) handles a single attempt.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use sync_wrapper::SyncWrapper;
use tokio::time::{sleep, sleep_until};
use tower_service::Service;

use super::{
    Decision, DecisionReason, Policy, RequestReplay,
    attempt_flow::{AfterAttempt, AttemptOutcome, after_attempt, in_attempt, send},
    attempt_time::{attempt_deadline, begin, enforced_deadline, is_over, reached_limit},
    future::FutureOf,
    last_outcome,
    request_context::{PreAttempt, PreAttemptProj, RequestContext},
    spare_instance::InstanceSource,
};
use crate::{
    Outcome,
    call_context::{
        result_note::{self, Note},
        timeout_scope,
    },
};

/// A request with many attempts and no delays between them makes at most this many in one poll, so
/// that other tasks of the thread can run. tokio's own budget covers only tokio's resources and its
/// runtime. This limit holds in any executor.
pub(super) const ATTEMPTS_PER_POLL: u32 = 32;

const POLLED_AFTER_COMPLETION: &str = "polled after completion";

/// The outcome of a service `S` that is called with requests `SentReq`.
type OutcomeOf<S, SentReq> = AttemptOutcome<<S as Service<SentReq>>::Response, <S as Service<SentReq>>::Error, SentReq>;

/// Where the slow path begins.
enum SlowPath<Ended> {
    /// There is no call yet.
    PreAttempt,
    /// The call is pending, and its time is limited.
    TimeLimit,
    /// The attempt has ended, and isn't a plain success.
    Ended(Ended),
}

impl<S, Source, Shared, P, Replay, Req> Future for FutureOf<S, Source, Shared, P, Replay, Req>
where
    Source: InstanceSource<Shared, Service = S>,
    S: Service<Replay::Request>,
    S::Error: 'static,
    P: Policy<Req, S::Response, S::Error>,
    Replay: RequestReplay<Req>,
{
    type Output = Result<S::Response, S::Error>;

    /// The fast path, which nearly every request takes: the first attempt was called at once, has
    /// no time limit, and succeeds.
    ///
    /// The response is held by value until then. A reference to it in a function that isn't inlined
    /// would force it into memory.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.as_mut().project();
        let Some(call) = this.call.get_pin_mut().as_pin_mut() else { return self.poll_slow(SlowPath::PreAttempt, cx) };
        let RequestContext { policy, state, stored, .. } = this.context.get_mut();
        let policy = &**policy;
        let (polled, note) = in_attempt(policy, this.attempt, || result_note::poll(call, cx));
        match polled {
            Poll::Ready(Ok(response))
                if note.is_empty()
                    && !policy.origin(Ok(&response)).is_rejected()
                    && this.attempt.is_plain()
                    && !stored.is_lost() =>
            {
                // Without `as_plain`, the policy would compare the number and the times once more.
                let attempt = this.attempt.as_plain();
                let decision = policy.decide(state, &attempt, Outcome::new(Ok(&response)));
                if !matches!(decision, Decision::Return(DecisionReason::Success)) {
                    let outcome = AttemptOutcome::decided(Ok(response), decision);
                    return self.poll_slow(SlowPath::Ended(outcome), cx);
                }
                result_note::reset();
                Poll::Ready(Ok(response))
            }
            Poll::Ready(result) => self.poll_slow(SlowPath::Ended(AttemptOutcome::called(result, note)), cx),
            Poll::Pending => {
                this.attempt.pend();
                if this.attempt.is_untimed() { Poll::Pending } else { self.poll_slow(SlowPath::TimeLimit, cx) }
            }
        }
    }
}

impl<S, Source, Shared, P, Replay, Req> FutureOf<S, Source, Shared, P, Replay, Req>
where
    Source: InstanceSource<Shared, Service = S>,
    S: Service<Replay::Request>,
    S::Error: 'static,
    P: Policy<Req, S::Response, S::Error>,
    Replay: RequestReplay<Req>,
{
    /// All other requests: polls attempts until one of them has the result.
    #[cold]
    fn poll_slow(
        mut self: Pin<&mut Self>,
        begin_at: SlowPath<OutcomeOf<S, Replay::Request>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, S::Error>> {
        let mut ended = match begin_at {
            SlowPath::PreAttempt => None,
            SlowPath::TimeLimit => ready!(self.as_mut().poll_time_limit(cx)),
            SlowPath::Ended(outcome) => Some(outcome),
        };
        for _ in 0..ATTEMPTS_PER_POLL {
            let outcome = match ended.take() {
                Some(outcome) => outcome,
                None => ready!(self.as_mut().poll_attempt(cx)),
            };
            if let Some(result) = self.as_mut().finish_attempt(outcome) {
                return Poll::Ready(result);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Polls the current attempt to its end: the stages before the call, and the call.
    fn poll_attempt(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OutcomeOf<S, Replay::Request>> {
        loop {
            let polled = match self.as_mut().project().call.get_pin_mut().as_pin_mut() {
                Some(_) => self.as_mut().poll_call(cx),
                None => self.as_mut().poll_pre_attempt(cx),
            };
            if let Some(outcome) = ready!(polled) {
                return Poll::Ready(outcome);
            }
        }
    }

    /// Polls the current stage before the call. `Ready(None)`: the next stage follows.
    fn poll_pre_attempt(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<OutcomeOf<S, Replay::Request>>> {
        let mut this = self.as_mut().project();
        let RequestContext { policy, state, instance, stored, pre_attempt } = this.context.get_mut();
        let mut stage = pre_attempt.as_mut().expect(POLLED_AFTER_COMPLETION).as_mut().stage();
        match stage.as_mut().project() {
            PreAttemptProj::NotBegun { readiness, .. } => {
                // `None`: the request was made after its deadline, or the error belongs to another
                // request type.
                let error = readiness.take_error();
                let request = stage.as_mut().take_request().expect("this stage holds the request");
                match error {
                    Some(error) => return Poll::Ready(Some(AttemptOutcome::unsent(Err(error), Some(request)))),
                    None => stage.set(PreAttempt::Readying { request }),
                }
            }

            PreAttemptProj::Waiting { discarding, .. } => {
                if discarding.as_mut().is_some_and(|discarding| discarding.as_mut().poll(cx).is_ready()) {
                    *discarding = None;
                }
                if let Some(delay) = this.timer.as_mut().as_pin_mut() {
                    ready!(delay.poll(cx));
                }
                let request = stage.as_mut().take_request().expect("this stage holds the request");
                *this.attempt = begin(*this.attempt);
                this.timer.set(attempt_deadline(&**policy, this.attempt).map(sleep_until));
                stage.set(PreAttempt::Preparing { preparing: stored.replay.prepare(request, this.attempt) });
            }

            PreAttemptProj::Preparing { preparing } => match preparing.poll(cx) {
                Poll::Pending => return self.poll_time_limit(cx),
                Poll::Ready(request) => stage.set(PreAttempt::Readying { request }),
            },

            // The instance that is polled ready is the one that is called.
            PreAttemptProj::Readying { .. } => {
                let Poll::Ready(service) = instance.poll_instance(policy.extra(), cx) else {
                    return self.poll_time_limit(cx);
                };
                let Poll::Ready(ready) = service.poll_ready(cx) else { return self.poll_time_limit(cx) };
                // No request is sent after its deadline.
                if ready.is_ok() && is_over(enforced_deadline(&**policy, this.attempt)) {
                    return self.poll_time_limit(cx);
                }
                let request = stage.as_mut().take_request().expect("this stage holds the request");
                if let Err(error) = ready {
                    return Poll::Ready(Some(AttemptOutcome::unsent(Err(error), Some(request))));
                }
                let call = send(&**policy, state, &stored.replay, this.attempt, service, request);
                this.call.set(SyncWrapper::new(Some(call)));
            }

            PreAttemptProj::Done => panic!("{POLLED_AFTER_COMPLETION}"),
        }
        Poll::Ready(None)
    }

    /// Polls the call. `Ready(None)`: its time is no longer limited.
    fn poll_call(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<OutcomeOf<S, Replay::Request>>> {
        let this = self.as_mut().project();
        let call = this.call.get_pin_mut().as_pin_mut().expect(POLLED_AFTER_COMPLETION);
        let (polled, note) = in_attempt(&*this.context.get_mut().policy, this.attempt, || result_note::poll(call, cx));
        match polled {
            Poll::Ready(result) => Poll::Ready(Some(AttemptOutcome::called(result, note))),
            Poll::Pending => {
                this.attempt.pend();
                if this.attempt.is_untimed() { Poll::Pending } else { self.poll_time_limit(cx) }
            }
        }
    }

    /// Ends an attempt whose time is over. `Ready(None)`: the policy has no result for that, and
    /// the attempt goes on without a limit.
    fn poll_time_limit(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<OutcomeOf<S, Replay::Request>>> {
        let mut this = self.project();
        let (mut call, context) = (this.call.get_pin_mut(), this.context.get_mut());
        let policy = &*context.policy;
        // A first attempt gets its timer when it is first pending, so one that is ready at once
        // needs none.
        if this.timer.is_none() {
            this.timer.set(enforced_deadline(policy, this.attempt).map(sleep_until));
        }
        // Without a limit, the pre-attempt stage or the call has registered the waker.
        let Some(limit) = this.timer.as_mut().as_pin_mut() else { return Poll::Pending };
        ready!(limit.poll(cx));
        this.timer.set(None);
        let Some(result) = policy.timed_out(reached_limit(policy, this.attempt)) else {
            this.attempt.unlimit();
            return Poll::Ready(None);
        };
        let is_called = call.is_some();
        // An inner breaker counts a call that is dropped inside this closure as failed, not as
        // cancelled.
        let request = timeout_scope::end(this.attempt.scope(), || {
            call.set(None);
            context.pre_attempt.as_mut()?.as_mut().stage().take_request()
        });
        Poll::Ready(Some(match is_called {
            true => AttemptOutcome::called(result, Note::NONE),
            false => AttemptOutcome::unsent(result, request),
        }))
    }

    /// Returns the result for the caller, or prepares another attempt and returns `None`.
    fn finish_attempt(
        self: Pin<&mut Self>,
        mut outcome: OutcomeOf<S, Replay::Request>,
    ) -> Option<Result<S::Response, S::Error>> {
        let mut this = self.project();
        let (mut call, context) = (this.call.get_pin_mut(), this.context.get_mut());
        if outcome.is_unsent {
            // The instance may hold a reservation for the call that isn't made. Other calls would
            // wait for it until the next attempt.
            context.instance.release();
        }
        match after_attempt(&*context.policy, &mut context.state, &mut context.stored, this.attempt, &mut outcome) {
            AfterAttempt::Return(report) => {
                // The note is written last, since the drop of the call may write notes, too.
                call.set(None);
                Some(last_outcome::choose(outcome, report, context.take_last()))
            }
            AfterAttempt::Repeat(next) => {
                if next.is_after_rejection && !outcome.is_unsent {
                    // The breaker rejected the call after `poll_ready` had reserved capacity for it
                    // in the inner services.
                    context.instance.release();
                }
                // Discarded before the delay, so that other requests can use what the outcome and
                // the call hold.
                let mut last = context.take_last();
                let discarded = last_outcome::keep(this.attempt, outcome, &mut last);
                let discarding = discarded.and_then(|outcome| context.policy.discard(outcome));
                context.set_waiting(PreAttempt::Waiting { discarding, request: next.request }, last);
                call.set(None);
                *this.attempt = next.attempt;
                this.timer.set((next.delay > Duration::ZERO).then(|| sleep(next.delay)));
                None
            }
        }
    }
}
