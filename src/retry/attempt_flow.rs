//! One attempt: how the service is called, and what the retry does after its outcome.
//!
//! [`ResponseFuture`](super::future::ResponseFuture), which also drives
//! [`run`](super::RetryLayer::run), and [`run_blocking`](super::RetryLayer::run_blocking) share
//! this flow. They differ in how they wait.

use std::time::Duration;

use tower_service::Service;

use super::{
    Decision, DecisionReason, Policy, RequestReplay, attempt_time::attempt_deadline, budget::AnyBudget,
    stored_copy::StoredCopy,
};
use crate::{
    Attempt, CallReport, Cause, Outcome,
    call_context::{
        budget_scope::{BudgetScope, Deposits},
        result_note::Note,
        timeout_scope::TimeoutScope,
    },
    classify::evidence::examine,
    time::Instant,
};

/// Makes an attempt: calls the service, which is ready.
#[inline(always)]
pub(super) fn send<S, P, Replay, Req>(
    policy: &P,
    state: &mut P::State,
    replay: &Replay,
    attempt: &mut Attempt,
    service: &mut S,
    mut request: Replay::Request,
) -> S::Future
where
    S: Service<Replay::Request>,
    P: Policy<Req, S::Response, S::Error>,
    Replay: RequestReplay<Req>,
{
    policy.attempt(state, attempt);
    replay.before_attempt(&mut request, attempt, attempt_deadline(policy, attempt));
    if replay.carries_deposits() && attempt.carries_deposits() {
        replay.carry_deposits(&mut request, Deposits::with(budget_address(policy)));
    }
    in_attempt(policy, attempt, || service.call(request))
}

/// Calls or polls the service. Meanwhile, the inner layers can read which attempt and which budget
/// the call belongs to.
#[inline(always)]
pub(super) fn in_attempt<P, Req, Res, Err, T>(policy: &P, attempt: &mut Attempt, run: impl FnOnce() -> T) -> T
where
    P: Policy<Req, Res, Err>,
{
    in_scopes(budget_address(policy), attempt, run)
}

/// [`in_attempt`] for a policy whose [`budget_address`] is `budget`.
#[inline(always)]
pub(super) fn in_scopes<T>(budget: usize, attempt: &mut Attempt, run: impl FnOnce() -> T) -> T {
    let budget_scope = BudgetScope::enter(budget);
    let timeout_scope = TimeoutScope::enter(attempt.scope());
    let returned = run();
    drop(timeout_scope);
    attempt.account(budget_scope.is_some_and(BudgetScope::exit));
    returned
}

/// The address of the policy's budget; 0 without a budget.
#[inline]
pub(super) fn budget_address<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>) -> usize {
    policy.budget().map_or(0, AnyBudget::address)
}

/// An attempt that has ended. `SentReq` is the type of the requests that the service gets.
pub(super) struct AttemptOutcome<Res, Err, SentReq> {
    pub(super) result: Result<Res, Err>,
    /// What the inner layers wrote about the result.
    note: Note,
    /// The policy's decision, if it has already been made.
    decision: Option<Decision>,
    /// What the inner layers reported about a result that is kept. [`after_attempt`] sets it.
    pub(super) report: Option<Box<CallReport>>,
    /// The result is kept while the next attempt is made. [`after_attempt`] sets it.
    pub(super) is_kept: bool,
    /// A breaker rejected the attempt. [`after_attempt`] sets it.
    pub(super) is_rejection: bool,
    /// The attempt ended before the service was called.
    pub(super) is_unsent: bool,
    /// The request of an unsent attempt, unless the attempt ended while the request was prepared.
    request: Option<SentReq>,
}

impl<Res, Err, SentReq> AttemptOutcome<Res, Err, SentReq> {
    /// The call returned.
    pub(super) fn called(result: Result<Res, Err>, note: Note) -> Self {
        Self {
            result,
            note,
            decision: None,
            report: None,
            is_kept: false,
            is_rejection: false,
            is_unsent: false,
            request: None,
        }
    }

    /// The call returned a result without a note, and the policy has made its decision.
    pub(super) fn decided(result: Result<Res, Err>, decision: Decision) -> Self {
        Self { decision: Some(decision), ..Self::called(result, Note::NONE) }
    }

    /// The service wasn't called: it failed to become ready, or the time was over.
    pub(super) fn unsent(result: Result<Res, Err>, request: Option<SentReq>) -> Self {
        Self { is_unsent: true, request, ..Self::called(result, Note::NONE) }
    }
}

/// What follows an attempt.
pub(super) enum AfterAttempt<SentReq> {
    /// The caller gets the result, with this note.
    Return(Option<CallReport>),
    /// Another call follows.
    Repeat(NextCall<SentReq>),
}

/// A call that follows another one of the same request.
pub(super) struct NextCall<SentReq> {
    pub(super) delay: Duration,
    /// It [begins](super::attempt_time::begin) after the delay.
    pub(super) attempt: Attempt,
    pub(super) request: SentReq,
    /// The delay waits out a breaker's rejection.
    pub(super) is_after_rejection: bool,
}

/// Finds out what follows an attempt.
///
/// The policy decides. Two rules hold for every policy: no wait crosses the deadline, and nothing
/// is repeated without a request to send.
pub(super) fn after_attempt<P, Replay, Req, Res, Err>(
    policy: &P,
    state: &mut P::State,
    stored: &mut StoredCopy<Replay, Replay::Stored, Req>,
    attempt: &Attempt,
    outcome: &mut AttemptOutcome<Res, Err, Replay::Request>,
) -> AfterAttempt<Replay::Request>
where
    P: Policy<Req, Res, Err>,
    Replay: RequestReplay<Req>,
    Err: 'static,
{
    // Read first: the code below may call other layers, which write notes, too.
    let report = examine(&outcome.result, outcome.note, |result| policy.origin(result));
    let report_with = |cause| report.unwrap_or_default().with_failure_cause(cause).with_attempts(attempt.number());

    // What the policy sees of the attempt. An attempt without limits has no start time, so the
    // clock isn't read.
    let is_replayable = outcome.request.is_some() || stored.is_replayable();
    let seen = attempt.with_replayable(is_replayable).with_unsent(outcome.is_unsent);
    let started_and_now = attempt.started().map(|started| (started, Instant::now()));

    let decision = outcome
        .decision
        .unwrap_or_else(|| policy.decide(state, &seen, shown(&outcome.result, report.as_ref(), started_and_now)));
    outcome.is_rejection = is_rejection(report.as_ref(), decision);
    let (delay, next) = match decision {
        Decision::Return(reason) => {
            let report = report_with(reason.cause());
            return AfterAttempt::Return((!report.is_plain()).then_some(report));
        }
        Decision::Retry { delay, .. } => (delay, attempt.next()),
        Decision::TransparentRetry => (Duration::ZERO, attempt.once_more()),
        Decision::WaitOut { delay } => (delay, attempt.once_more()),
    };

    let left = started_and_now.and_then(|(_, now)| attempt.remaining(now));
    let obstacle = if left.is_some_and(|left| left <= delay) {
        Cause::Deadline
    } else {
        match outcome.request.take().or_else(|| stored.copy()) {
            Some(request) => {
                let is_after_rejection = matches!(decision, Decision::WaitOut { .. });
                outcome.is_kept = !outcome.is_rejection && policy.keep(outcome.result.as_ref());
                if outcome.is_kept {
                    outcome.report = report.map(Box::new);
                }
                return AfterAttempt::Repeat(NextCall { delay, attempt: next, request, is_after_rejection });
            }
            None => Cause::NotReplayable,
        }
    };
    policy.not_retried(state, &seen, shown(&outcome.result, report.as_ref(), started_and_now), obstacle);
    AfterAttempt::Return(Some(report_with(Some(obstacle))))
}

/// What the policy sees of an outcome.
#[inline]
fn shown<'a, Res, Err>(
    result: &'a Result<Res, Err>,
    report: Option<&CallReport>,
    started_and_now: Option<(Instant, Instant)>,
) -> Outcome<'a, Res, Err> {
    let inner_cause = report.and_then(|report| report.rejection().or(report.failure_cause()));
    let elapsed = started_and_now.map(|(started, now)| now - started);
    Outcome::new(result.as_ref()).with_elapsed(elapsed).with_cause(inner_cause)
}

/// Whether a breaker rejected the attempt, and the policy doesn't accept the rejection.
#[inline]
fn is_rejection(report: Option<&CallReport>, decision: Decision) -> bool {
    match decision {
        Decision::Return(DecisionReason::Success | DecisionReason::Neutral) => false,
        Decision::Return(DecisionReason::Rejected { .. }) | Decision::WaitOut { .. } => true,
        _ => report.is_some_and(|report| report.rejection().is_some()),
    }
}
