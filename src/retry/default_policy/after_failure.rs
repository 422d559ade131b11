//! What a [`RetryConfig`] decides after a failed attempt.
//!
//! Two cases come before the [checks](super::checks), unless retries are switched off: a call that
//! the peer didn't process is retried transparently, once, and a short rejection is waited out.
//! Neither costs budget or quota.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    super::{
        Decision, DecisionReason, Override, Proposal, RetryConfig, budget::Token, config::Settings, quota::QuotaSource,
    },
    RetryState,
};
use crate::{Attempt, Cause, Delivery, Failure, FailureInfo, FailureKind, observe::Event, time::Instant};

/// Returns the details of the failure for events. It is called only if there is an observer.
pub(super) type FailureDetails<'a> = &'a dyn Fn(FailureKind) -> FailureInfo<'a>;

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// `paid` is the token that the budget gave for this attempt. `overrides` is called with the
    /// decision before anything is reserved for a retry.
    #[cold]
    pub(super) fn decide_after_failure<Req, Memo>(
        &self,
        progress: &mut RetryState<Memo, Quota::Quota>,
        attempt: &Attempt,
        paid: Option<Token>,
        failure: Failure,
        details: FailureDetails<'_>,
        overrides: impl FnOnce(&Proposal<'_>) -> Option<Override>,
    ) -> Decision
    where
        Quota: QuotaSource<Req>,
    {
        let Settings { name, observers, .. } = &self.settings;
        let number = attempt.number();

        if failure.is_unprocessed() && self.may_retry_transparently(progress, attempt) {
            let after_failure = progress.after_failure();
            after_failure.had_transparent_retry = true;
            after_failure.age.begin_if_timed(attempt);
            observers.emit_with(|| Event::TransparentRetry {
                name,
                attempt: number,
                failure: details(failure.kind()),
                elapsed: None,
            });
            return Decision::TransparentRetry;
        }

        if let Some(delay) = self.rejection_delay(progress, attempt, failure) {
            self.hold_for_rejection::<Req, _>(progress, attempt, paid, delay);
            observers.emit(Event::RejectionWait { name, attempt: number, delay, elapsed: None });
            return Decision::WaitOut { delay };
        }

        self.settings.report_failure(attempt, paid, failure);
        if is_unmade(failure) {
            self.quota.refund(&mut progress.account);
        }
        let checked = self.check::<Req, _>(progress, attempt, failure, None);
        let proposed = match &checked {
            Ok(next) => Decision::Retry { delay: next.delay, reason: DecisionReason::Transient },
            Err(reason) => Decision::Return(*reason),
        };
        let (checked, override_reason) = match overrides(&Proposal::new(attempt, failure, proposed)) {
            None => (checked, None),
            Some(Override::Return { reason }) => (Err(DecisionReason::Custom(reason)), None),
            Some(Override::Retry { delay, reason }) => {
                (self.check::<Req, _>(progress, attempt, failure, Some(delay)), Some(reason))
            }
        };
        match checked.and_then(|next| self.reserve::<Req, _>(progress, attempt, failure, next)) {
            Ok(delay) => {
                let quota = self.quota.usage(&mut progress.account);
                observers.emit_with(|| Event::RetryScheduled {
                    name,
                    attempt: number,
                    max_attempts: self.settings.max_attempts(),
                    failure: details(failure.kind()),
                    delay,
                    elapsed: None,
                    reason: override_reason,
                    quota,
                });
                let reason = override_reason.map_or(DecisionReason::Transient, DecisionReason::Custom);
                Decision::Retry { delay, reason }
            }
            Err(reason) => {
                if reason == DecisionReason::UnsafeToResend {
                    self.settings.emit_if_idempotency_unknown(failure);
                }
                if let Some(cause) = reason.cause() {
                    self.emit_stopped::<Req, _>(progress, attempt, cause, &|| Some(details(failure.kind())));
                }
                Decision::Return(reason)
            }
        }
    }

    /// Whether a call that the peer didn't process is retried transparently. Only once per request,
    /// since a peer may refuse every call. The checks decide about a request that can't be sent
    /// again, or wasn't sent.
    fn may_retry_transparently<Memo, Account>(&self, progress: &RetryState<Memo, Account>, attempt: &Attempt) -> bool {
        self.settings.is_on()
            && progress.after_failure.as_ref().is_none_or(|after_failure| !after_failure.had_transparent_retry)
            && attempt.is_replayable()
            && !attempt.is_unsent()
            && !crosses_deadline(attempt, Duration::ZERO)
    }

    /// Emits the events of a failure that isn't retried.
    pub(super) fn emit_stopped<'b, Req, Memo>(
        &self,
        progress: &mut RetryState<Memo, Quota::Quota>,
        attempt: &Attempt,
        cause: Cause,
        failure: &dyn Fn() -> Option<FailureInfo<'b>>,
    ) where
        Quota: QuotaSource<Req>,
    {
        let Settings { name, observers, emitted_not_replayable, .. } = &self.settings;
        // Relaxed: all that matters is that the event is emitted once.
        if cause == Cause::NotReplayable && !emitted_not_replayable.swap(true, Ordering::Relaxed) {
            observers.emit(Event::RequestNotReplayable { name });
        }
        let quota = self.quota.usage(&mut progress.account);
        observers.emit_with(|| Event::RetryStopped {
            name,
            attempt: attempt.number(),
            max_attempts: self.settings.max_attempts(),
            cause,
            failure: failure(),
            elapsed: None,
            quota,
        });
    }
}

/// Whether a delay would reach or cross the deadline.
pub(super) fn crosses_deadline(attempt: &Attempt, delay: Duration) -> bool {
    attempt.deadline().is_some_and(|deadline| deadline.saturating_duration_since(Instant::now()) <= delay)
}

/// Whether a breaker rejected the attempt, so that no call was made. A classifier may also return
/// [`FailureKind::Rejected`] for a call that was made.
pub(super) fn is_unmade(failure: Failure) -> bool {
    failure.kind() == FailureKind::Rejected && failure.delivery() == Delivery::NotSent
}
