//! What an outcome leads to: shared by the future of a request and by a run that blocks.

use std::time::Duration;

use super::{Decision, Elapsed, Policy};
use crate::{Attempt, Cause, How, Outcome, time::Instant, told};

/// What to do with an outcome: `None` to return it, or how long to wait before the next attempt. Takes what was said of it, and
/// says why it is returned.
pub(super) fn judge<P, Req, Res, Err>(
    policy: &P,
    state: &mut P::State,
    attempt: &Attempt,
    result: &Result<Res, Err>,
) -> Option<Duration>
where
    P: Policy<Req, Res, Err>,
{
    let said = told::take(result);
    let now = (!policy.limits().is_none()).then(Instant::now);
    let took = now.zip(attempt.started()).map(|(now, started)| now - started);
    let outcome = Outcome::new(result.as_ref())
        .with_elapsed(took)
        .with_cause(said.and_then(|how| how.rejection().or(how.failed())));
    let delay = match policy.decide(state, attempt, outcome) {
        Decision::Retry { delay, .. } => delay,
        Decision::Return(reason) => {
            let how = said.unwrap_or_default().with_failed(reason.cause()).with_attempts(attempt.number());
            told::pass_on(result, (!how.is_plain()).then_some(how));
            return None;
        }
    };
    // Never sleep past the deadline, whatever the policy says.
    if now.and_then(|now| attempt.remaining(now)).is_some_and(|left| left <= delay) {
        refuse(policy, state, attempt, result, Cause::Deadline);
        return None;
    }
    Some(delay)
}

/// The outcome is returned although the policy would have had another attempt.
pub(super) fn refuse<P, Req, Res, Err>(
    policy: &P,
    state: &mut P::State,
    attempt: &Attempt,
    result: &Result<Res, Err>,
    cause: Cause,
) where
    P: Policy<Req, Res, Err>,
{
    policy.not_retried(state, attempt, cause);
    told::pass_on(result, Some(How::because(cause).with_attempts(attempt.number())));
}

pub(super) fn first_attempt<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, replayable: bool) -> Attempt {
    let limits = policy.limits();
    if limits.is_none() {
        return Attempt::first(None, None, replayable);
    }
    let now = Instant::now();
    Attempt::first(Some(now), limits.total.and_then(|total| now.checked_add(total)), replayable)
}

pub(super) fn next_attempt<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, before: Attempt) -> Attempt {
    before.next((!policy.limits().is_none()).then(Instant::now))
}

/// When an attempt is cut off: at its own limit or the deadline, whichever is earlier.
pub(super) fn ends_at<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, attempt: &Attempt) -> Option<Instant> {
    let own = attempt.started().zip(policy.limits().attempt).and_then(|(started, limit)| started.checked_add(limit));
    match (own, attempt.deadline()) {
        (Some(own), Some(deadline)) => Some(own.min(deadline)),
        (own, deadline) => own.or(deadline),
    }
}

/// Which of the limits it was.
pub(super) fn elapsed<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, attempt: &Attempt) -> Elapsed {
    let limits = policy.limits();
    let deadline_passed = attempt.deadline().is_some_and(|deadline| deadline <= Instant::now());
    match (limits.attempt, limits.total) {
        (_, Some(total)) if deadline_passed => Elapsed::request(total),
        (Some(attempt), _) => Elapsed::attempt(attempt),
        (None, total) => Elapsed::request(total.unwrap_or_default()),
    }
}

/// Tells one budget from another: its address.
pub(super) fn budget<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>) -> usize {
    policy.budget().map_or(0, |budget| std::ptr::from_ref(budget).cast::<()>() as usize)
}
