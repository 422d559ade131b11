//! When attempts begin, and when their time is over.
//!
//! A request is timed if its policy has [`TimeLimits`], or if the request carries a deadline. The
//! clock isn't read for other requests. A limit of `Duration::MAX` makes a request timed without
//! ending it.

use std::time::Duration;

use super::{Elapsed, Policy, TimeLimits};
use crate::{Attempt, call_context::timeout_scope, time::Instant};

/// The first attempt of a request.
#[inline(always)]
pub(super) fn first_attempt<P, Req, Res, Err>(policy: &P, state: &P::State, is_replayable: bool) -> Attempt
where
    P: Policy<Req, Res, Err>,
{
    let (limits, requested) = (policy.limits(), policy.deadline(state));
    if limits.is_none() && requested.is_none() {
        return Attempt::untimed(is_replayable);
    }
    let Start { now, deadline } = start_now(limits.total, requested);
    Attempt::timed(now, deadline, is_replayable).in_scope(timeout_scope::number())
}

/// The start of a timed request.
struct Start {
    now: Instant,
    deadline: Option<Instant>,
}

#[cold]
fn start_now(total: Option<Duration>, requested: Option<Instant>) -> Start {
    let now = Instant::now();
    Start { now, deadline: earlier(total.and_then(|total| now.checked_add(total)), requested) }
}

/// Begins an attempt that follows another one, after the wait.
pub(super) fn begin(attempt: Attempt) -> Attempt {
    if attempt.started().is_some() { attempt.begun_at(Instant::now()) } else { attempt }
}

/// When the time of an attempt is over: at its own limit or at the request's deadline, whichever is
/// earlier.
#[inline]
pub(super) fn attempt_deadline<P, Req, Res, Err>(policy: &P, attempt: &Attempt) -> Option<Instant>
where
    P: Policy<Req, Res, Err>,
{
    let own = attempt.started().zip(policy.limits().attempt).and_then(|(started, limit)| started.checked_add(limit));
    earlier(own, attempt.deadline())
}

/// The [`attempt_deadline`], as long as it is enforced. `None` after the attempt has reached it and
/// the policy returned no outcome for that.
pub(super) fn enforced_deadline<P, Req, Res, Err>(policy: &P, attempt: &Attempt) -> Option<Instant>
where
    P: Policy<Req, Res, Err>,
{
    if attempt.is_unlimited() { None } else { attempt_deadline(policy, attempt) }
}

#[inline]
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Whether the deadline that a request carries had passed before the request was made. A total
/// limit of zero isn't such a deadline: the first attempt is made.
#[inline]
pub(super) fn came_too_late(first: &Attempt) -> bool {
    first.deadline().zip(first.started()).is_some_and(|(deadline, started)| deadline < started)
}

/// Whether a deadline has passed.
pub(super) fn is_over(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| deadline <= Instant::now())
}

/// Which limit an attempt has reached. If it has reached the deadline, the reported limit is the
/// total limit. If there is no total limit, the request carries the deadline, and the reported
/// limit is the time from the attempt's start to the deadline.
pub(super) fn reached_limit<P, Req, Res, Err>(policy: &P, attempt: &Attempt) -> Elapsed
where
    P: Policy<Req, Res, Err>,
{
    let TimeLimits { attempt: own, total } = policy.limits();
    // A total of `Duration::MAX` is never over: the request carries the deadline.
    let limits = TimeLimits { attempt: own, total: total.filter(|&total| total < Duration::MAX) };
    match (attempt.deadline().filter(|&deadline| is_over(Some(deadline))), limits) {
        (Some(deadline), TimeLimits { total: None, .. }) => {
            let had = attempt.started().map(|started| deadline.saturating_duration_since(started));
            Elapsed::request(had.unwrap_or_default())
        }
        (Some(_), TimeLimits { total: Some(total), .. }) => Elapsed::request(total),
        (None, TimeLimits { attempt: Some(own), .. }) => Elapsed::attempt(own),
        (None, TimeLimits { total, .. }) => Elapsed::request(total.unwrap_or_default()),
    }
}
