//! What an outcome leads to: shared by the future of a request and by a run that blocks.

use std::time::Duration;

use super::{Decision, Elapsed, Limits, Policy, budget::AnyBudget};
use crate::{
    Attempt, Cause, How, Outcome,
    call_context::{
        result_note::{self, Note},
        timeout_scope,
    },
    classify::evidence::examine,
    time::Instant,
};

/// What follows an outcome that isn't returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Another attempt, after this wait.
    Retry(Duration),
    /// The same attempt once more: what came of it counts for nothing.
    Resend,
    /// The same attempt once more, after a breaker's rejection and this wait.
    WaitOut(Duration),
}

impl Next {
    pub(super) fn delay(self) -> Duration {
        match self {
            Self::Retry(delay) | Self::WaitOut(delay) => delay,
            Self::Resend => Duration::ZERO,
        }
    }

    /// The attempt that follows, not yet [begun](begun).
    pub(super) fn attempt(self, before: Attempt) -> Attempt {
        match self {
            Self::Retry(_) => before.next(),
            Self::Resend | Self::WaitOut(_) => before.once_more(),
        }
    }
}

/// An attempt that follows another begins, after the wait. The clock is read for those that were timed from the start.
pub(super) fn begun(attempt: Attempt) -> Attempt {
    if attempt.started().is_some() { attempt.begun_at(Instant::now()) } else { attempt }
}

/// What the policy says to an outcome of which this was said, and when it was asked, if anything is timed.
pub(super) fn decide<P, Req, Res, Err>(
    policy: &P,
    state: &mut P::State,
    attempt: &Attempt,
    result: Result<&Res, &Err>,
    said: Option<How>,
) -> (Decision, Option<Instant>)
where
    P: Policy<Req, Res, Err>,
{
    let now = attempt.started().map(|_| Instant::now());
    let took = now.zip(attempt.started()).map(|(now, started)| now - started);
    let outcome =
        Outcome::new(result).with_elapsed(took).with_cause(said.and_then(|how| how.rejection().or(how.failed())));
    (policy.decide(state, attempt, outcome), now)
}

/// What to do with an outcome: `None` to return it, with a note that says why.
pub(super) fn judge<P, Req, Res, Err>(
    policy: &P,
    state: &mut P::State,
    attempt: &Attempt,
    (result, note): (&Result<Res, Err>, Note),
) -> Option<Next>
where
    P: Policy<Req, Res, Err>,
    Err: 'static,
{
    let said = examine(result, note, |outcome| policy.origin(outcome));
    let decided = decide(policy, state, attempt, result.as_ref(), said);
    follow(policy, state, attempt, said, decided).inspect_err(|&note| result_note::forward(result, note)).ok()
}

/// What comes of a decision: another attempt, or the note of the outcome, which is returned.
pub(super) fn follow<P, Req, Res, Err>(
    policy: &P,
    state: &mut P::State,
    attempt: &Attempt,
    said: Option<How>,
    (decision, now): (Decision, Option<Instant>),
) -> Result<Next, Option<How>>
where
    P: Policy<Req, Res, Err>,
{
    let next = match decision {
        Decision::Retry { delay, .. } => Next::Retry(delay),
        Decision::Resend => Next::Resend,
        Decision::WaitOut { delay } => Next::WaitOut(delay),
        Decision::Return(reason) => {
            let how = said.unwrap_or_default().with_failed(reason.cause()).with_attempts(attempt.number());
            return Err((!how.is_plain()).then_some(how));
        }
    };
    // Never sleep past the deadline, whatever the policy says.
    if now.and_then(|now| attempt.remaining(now)).is_some_and(|left| left <= next.delay()) {
        return Err(Some(refuse(policy, state, attempt, said, Cause::Deadline)));
    }
    Ok(next)
}

/// The outcome is returned although the policy would have had another attempt: its note.
pub(super) fn refuse<P, Req, Res, Err>(
    policy: &P,
    state: &mut P::State,
    attempt: &Attempt,
    said: Option<How>,
    cause: Cause,
) -> How
where
    P: Policy<Req, Res, Err>,
{
    policy.not_retried(state, attempt, cause);
    said.unwrap_or_default().with_failed(Some(cause)).with_attempts(attempt.number())
}

/// The first attempt of a request, and when it is cut off.
#[inline(always)]
pub(super) fn first_attempt<P, Req, Res, Err>(
    policy: &P,
    state: &P::State,
    replayable: bool,
) -> (Attempt, Option<Instant>)
where
    P: Policy<Req, Res, Err>,
{
    let (limits, asked) = (policy.limits(), policy.deadline(state));
    if limits.is_none() && asked.is_none() {
        return (Attempt::untimed(replayable), None);
    }
    let (now, deadline) = begun_now(limits.total, asked);
    let attempt = Attempt::timed(now, deadline, replayable).in_scope(timeout_scope::number());
    (attempt, ends_at(policy, &attempt))
}

/// When a timed request begins, and when it must be answered.
#[cold]
fn begun_now(total: Option<Duration>, asked: Option<Instant>) -> (Instant, Option<Instant>) {
    let now = Instant::now();
    (now, earlier(total.and_then(|total| now.checked_add(total)), asked))
}

#[inline]
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// When an attempt is cut off: at its own limit or the deadline, whichever is earlier.
#[inline]
pub(super) fn ends_at<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, attempt: &Attempt) -> Option<Instant> {
    let own = attempt.started().zip(policy.limits().attempt).and_then(|(started, limit)| started.checked_add(limit));
    earlier(own, attempt.deadline())
}

/// When an attempt is cut off, unless it was to be, and there is no answer to that.
pub(super) fn cut_off_at<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, attempt: &Attempt) -> Option<Instant> {
    if attempt.is_unlimited() { None } else { ends_at(policy, attempt) }
}

/// Whether the request's own deadline had passed before it came. A limit of no time at all isn't that: its first attempt is made.
#[inline]
pub(super) fn came_too_late(attempt: &Attempt) -> bool {
    attempt.deadline().zip(attempt.started()).is_some_and(|(deadline, started)| deadline < started)
}

/// Whether it is too late to try again what must end then.
pub(super) fn is_over(ends_at: Option<Instant>) -> bool {
    ends_at.is_some_and(|end| end <= Instant::now())
}

/// Which of the limits it was. A deadline that the request came with is told as the time that its last attempt had.
pub(super) fn elapsed<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>, attempt: &Attempt) -> Elapsed {
    let limits = policy.limits();
    match (attempt.deadline().filter(|&deadline| deadline <= Instant::now()), limits) {
        (Some(deadline), Limits { total: None, .. }) => {
            let had = attempt.started().map(|started| deadline.saturating_duration_since(started));
            Elapsed::request(had.unwrap_or_default())
        }
        (Some(_), Limits { total: Some(total), .. }) => Elapsed::request(total),
        (None, Limits { attempt: Some(own), .. }) => Elapsed::attempt(own),
        (None, Limits { total, .. }) => Elapsed::request(total.unwrap_or_default()),
    }
}

/// The address of the policy's budget; 0 if it has none.
#[inline]
pub(super) fn budget<Req, Res, Err>(policy: &impl Policy<Req, Res, Err>) -> usize {
    policy.budget().map_or(0, AnyBudget::address)
}
