//! What follows for a job.

use std::time::Duration;

use tower_recourse::retry::{Decision, DecisionReason};

use super::attempt::Attempted;
use crate::{ClaimedJob, Clock, DeadReason, HistoryEntry, JobUpdate, NextState};

/// How long a job waits if its circuit doesn't say when it may admit a call, or if that time is
/// longer: someone may reset the circuit.
const LONGEST_POSTPONEMENT: Duration = Duration::from_secs(60);

/// How long a postponed job waits at least. Until its probe ends, a half-open circuit advises
/// callers to retry after a tenth of a second. A job would be written to disk that often.
const SHORTEST_POSTPONEMENT: Duration = Duration::from_secs(1);

/// How long a job waits for the budget.
const WAIT_FOR_BUDGET: Duration = Duration::from_secs(60);

/// The wait after the first panic. It doubles with each further one.
const WAIT_AFTER_PANIC: Duration = Duration::from_secs(10);

/// What happened to a claimed job.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum JobOutcome {
    Done,
    Retried {
        due_in: Duration,
        why: String,
    },
    Postponed {
        due_in: Duration,
        why: String,
    },
    Crashed {
        due_in: Duration,
        why: String,
    },
    Returned,
    /// The attempt was made.
    Dead {
        reason: DeadReason,
        why: String,
    },
    /// No attempt was made.
    SetAside {
        reason: DeadReason,
        why: String,
    },
}

impl JobOutcome {
    pub(super) fn of_attempt(attempted: Attempted) -> Self {
        let Attempted { decision, why, retry_in } = attempted;
        let least = retry_in.unwrap_or_default();
        let reason = match decision {
            Decision::Retry { delay, .. } => return Self::Retried { due_in: delay.max(least), why },
            Decision::TransparentRetry => return Self::Retried { due_in: least, why },
            Decision::WaitOut { delay } => return Self::postponed(Some(delay), why),
            Decision::Return(reason) => reason,
        };
        let reason = match reason {
            DecisionReason::Success => return Self::Done,
            DecisionReason::Rejected { retry_in } => return Self::postponed(retry_in, why),
            DecisionReason::Budget => return Self::Retried { due_in: WAIT_FOR_BUDGET, why },
            DecisionReason::Permanent => DeadReason::Permanent,
            DecisionReason::AttemptsExhausted { .. } => DeadReason::AttemptsExhausted,
            other => DeadReason::Other(other.cause().map_or("neutral", |cause| cause.label()).into()),
        };
        Self::Dead { reason, why }
    }

    fn postponed(retry_in: Option<Duration>, why: String) -> Self {
        let due_in = retry_in.unwrap_or(LONGEST_POSTPONEMENT).clamp(SHORTEST_POSTPONEMENT, LONGEST_POSTPONEMENT);
        Self::Postponed { due_in, why }
    }

    pub(super) fn of_panic(job: &ClaimedJob, max_claims: u32, why: String) -> Self {
        if job.claims >= max_claims {
            return Self::SetAside { reason: DeadReason::Crashed, why };
        }
        Self::Crashed { due_in: WAIT_AFTER_PANIC * 2_u32.saturating_pow(job.claims.clamp(1, 10) - 1), why }
    }

    /// The new values of the job.
    pub(super) fn update(&self, job: &ClaimedJob) -> JobUpdate {
        let made = job.attempts.saturating_add(1);
        let wait = |due_in: Duration| NextState::Waiting { due_in };
        let dead = |reason: &DeadReason| NextState::Dead { reason: reason.clone() };
        let (state, attempts, claims, what, why) = match self {
            Self::Done => (NextState::Done, made, 0, "done", ""),
            Self::Retried { due_in, why } => (wait(*due_in), made, 0, "retry", &**why),
            Self::Postponed { due_in, why } => (wait(*due_in), job.attempts, 0, "postponed", &**why),
            Self::Crashed { due_in, why } => (wait(*due_in), job.attempts, job.claims, "crashed", &**why),
            Self::Returned => {
                // The claim doesn't count: the worker did end, but not because of the job.
                (wait(Duration::ZERO), job.attempts, job.claims.saturating_sub(1), "returned", "the worker stopped")
            }
            Self::Dead { reason, why } => (dead(reason), made, 0, "dead", &**why),
            Self::SetAside { reason, why } => (dead(reason), job.attempts, 0, "dead", &**why),
        };
        let mut history = job.history.clone();
        if let Self::Postponed { .. } = self {
            // Thousands of postponements would displace what else happened.
            history.remove_last_if(what);
        }
        history.push(HistoryEntry::new(Clock::system().now(), attempts, what, why));
        JobUpdate { state, attempts, claims, history }
    }
}
