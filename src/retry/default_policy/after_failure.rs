//! What a [`RetryConfig`] decides after a failed attempt.
//!
//! Two cases come before the [checks](super::checks), unless retries are switched off: a call that
//! the peer didn't process is retried transparently, once, and a short rejection is waited out.
//! Neither costs budget or quota.

use std::time::Duration;

use super::{
    super::{
        Decision, DecisionReason, Override, Proposal, RetryConfig, budget::Token, config::Settings, quota::QuotaSource,
    },
    RetryState,
    ended::Ended,
};
use crate::{Attempt, Delivery, Failure, FailureInfo, FailureKind, time::Instant};

/// Returns the details of the failure for events, with the duration of the attempt if it is timed.
/// It is called only if there is an observer.
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
        let Settings { observers, .. } = &self.settings;

        if failure.is_unprocessed() && self.may_retry_transparently(progress, attempt) {
            let after_failure = progress.after_failure(attempt);
            after_failure.had_transparent_retry = true;
            after_failure.age.begin_if_timed(self.settings.start_of_limited(attempt));
            if !observers.is_empty() {
                self.settings.emit_transparent_retry(&progress.after_failure, attempt, details(failure.kind()));
            }
            return Decision::TransparentRetry;
        }

        if let Some(delay) = self.rejection_delay(progress, attempt, failure) {
            self.hold_for_rejection::<Req, _>(progress, attempt, paid, delay);
            if !observers.is_empty() {
                self.settings.emit_wait(&progress.after_failure, attempt, details(failure.kind()), delay);
            }
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
                if !observers.is_empty() {
                    let info = details(failure.kind());
                    self.emit_scheduled::<Req, _>(progress, attempt, info, delay, override_reason);
                }
                let reason = override_reason.map_or(DecisionReason::Transient, DecisionReason::Custom);
                Decision::Retry { delay, reason }
            }
            Err(reason) => {
                if reason == DecisionReason::UnsafeToResend {
                    self.settings.emit_if_idempotency_unknown(failure);
                }
                if let Some(cause) = reason.cause() {
                    let ended = |_: &_| Ended::failed(details(failure.kind()));
                    self.emit_stopped::<Req, _>(progress, attempt, cause, &ended);
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
