//! The checks that a failure must pass to be retried. Their order is documented in
//! [`retry`](super::super): the first check that fails gives the reason. The budget is last, so
//! that nothing is withdrawn for an attempt that another check forbids.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    super::{DecisionReason, RetryConfig, config::Settings, quota::QuotaSource},
    RetryState,
    after_failure::{crosses_deadline, is_unmade},
    retry_delay::OwnDelay,
};
use crate::{Attempt, Failure, FailureKind, observe::Event};

/// How long a retry waits.
pub(super) struct RetryDelay {
    pub(super) delay: Duration,
    /// The delay of the backoff. `None` if the delay replaces it.
    backoff: Option<Duration>,
}

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// The delay before the next attempt, or why there is none. All checks except the budget and
    /// the last one of the quota; these follow in [`reserve`](Self::reserve).
    ///
    /// `overriding` is the delay of an override. It replaces the delays below, and the checks that
    /// depend on them.
    // Inlined: without overrides, the compiler then removes what they need. The same holds for
    // `reserve`, and for the functions of `last_outcome`. Together, three failed attempts take 265
    // instructions less (`benches/instructions`).
    #[inline(always)]
    pub(super) fn check<Req, Memo>(
        &self,
        progress: &mut RetryState<Memo, Quota::Quota>,
        attempt: &Attempt,
        failure: Failure,
        overriding: Option<Duration>,
    ) -> Result<RetryDelay, DecisionReason>
    where
        Quota: QuotaSource<Req>,
    {
        let Self { settings, quota, .. } = self;
        if !settings.is_on() {
            return Err(DecisionReason::RetriesDisabled);
        }
        if let Some(exceeded) = quota.total_exceeded() {
            return Err(DecisionReason::Quota(exceeded));
        }
        match failure.kind() {
            _ if overriding.is_some() && !failure.is_final() => {}
            FailureKind::Rejected => return Err(DecisionReason::Rejected { retry_in: failure.retry_after() }),
            FailureKind::Permanent => return Err(DecisionReason::Permanent),
            _ if failure.is_final() => return Err(DecisionReason::Permanent),
            _ => {}
        }
        if let Some(exceeded) = quota.key_exceeded(&mut progress.account) {
            return Err(DecisionReason::Quota(exceeded));
        }
        if attempt.number() > settings.retries {
            return Err(DecisionReason::AttemptsExhausted { attempts: attempt.number() });
        }
        let asked = failure.retry_after().unwrap_or_default();
        if asked > settings.max_retry_after && overriding.is_none() {
            return Err(DecisionReason::RetryAfterTooLong { requested: asked });
        }
        if !attempt.is_replayable() {
            return Err(DecisionReason::NotReplayable);
        }
        if !settings.idempotent && !failure.is_safe_to_resend() && !attempt.is_unsent() {
            return Err(DecisionReason::UnsafeToResend);
        }
        if let Some(delay) = overriding {
            if is_unmade(failure) && !settings.idempotent && (attempt.may_have_worked() || attempt.is_accounted()) {
                return Err(DecisionReason::UnsafeToResend);
            }
            let is_late = crosses_deadline(attempt, delay);
            let next = RetryDelay { delay, backoff: None };
            return if is_late { Err(DecisionReason::Deadline) } else { Ok(next) };
        }
        let own = match failure.replaces_backoff() {
            true => OwnDelay::default(),
            false => {
                let state = progress.after_failure.as_ref().map(|state| state.backoff).unwrap_or_default();
                settings.own_delay(failure, attempt, &state)
            }
        };
        // The server's delay counts without its jitter, which is fitted to the deadline below.
        let least = own.delay.max(asked);
        if crosses_deadline(attempt, least) {
            return Err(DecisionReason::Deadline);
        }
        let delay = match asked.is_zero() || failure.is_delay_exact() {
            true => least,
            false => own.delay.max(settings.with_server_delay_jitter(asked, attempt)),
        };
        Ok(RetryDelay { delay, backoff: (!failure.replaces_backoff()).then_some(own.backoff) })
    }

    /// Reserves what the retry costs, and records its delay.
    #[inline(always)]
    pub(super) fn reserve<Req, Memo>(
        &self,
        progress: &mut RetryState<Memo, Quota::Quota>,
        attempt: &Attempt,
        failure: Failure,
        next: RetryDelay,
    ) -> Result<Duration, DecisionReason>
    where
        Quota: QuotaSource<Req>,
    {
        let Self { settings, quota, .. } = self;
        let RetryDelay { delay, backoff } = next;
        // `try_acquire` checks the quota once more, because other requests may have used it up
        // meanwhile. If the budget is empty, the retry is taken back from the quota.
        quota.try_acquire(&mut progress.account).map_err(DecisionReason::Quota)?;
        if let Some(budget) = &settings.budget {
            match budget.reserve(failure.kind()) {
                Some(reservation) => progress.after_failure(attempt).reservation = reservation,
                None => {
                    quota.release(&mut progress.account);
                    return Err(DecisionReason::Budget);
                }
            }
        }

        let after_failure = progress.after_failure(attempt);
        if delay.is_zero() {
            after_failure.age.begin_if_timed(settings.start_of_limited(attempt));
        } else if !settings.rejection_wait.is_none() {
            after_failure.age.begin(settings.start_of_limited(attempt));
        }
        match backoff {
            Some(backoff) => after_failure.backoff.record(backoff),
            // The backoff starts again after a delay that isn't its own.
            None => after_failure.backoff.restart_after(attempt.number()),
        }
        Ok(delay)
    }
}

impl Settings {
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.switch.as_ref().is_none_or(|switch| switch.is_on())
    }

    /// The limit of attempts, for events. `None` if there is none.
    #[cold]
    pub(super) fn max_attempts(&self) -> Option<u32> {
        self.retries.checked_add(1)
    }

    /// Emits `IdempotencyUnknown` once, if the classifier doesn't know whether the request is
    /// idempotent. The user should then state in the configuration which requests are idempotent.
    pub(super) fn emit_if_idempotency_unknown(&self, failure: Failure) {
        // Relaxed: all that matters is that the event is emitted once.
        if failure.is_idempotency_unknown() && !self.emitted_idempotency_unknown.swap(true, Ordering::Relaxed) {
            self.observers.emit(Event::IdempotencyUnknown { name: &self.name });
        }
    }
}
