//! The events at the end of a request.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    super::{RetryConfig, config::Settings, quota::QuotaSource},
    AfterFailure, RetryState,
    durations::Durations,
    ended::Ended,
};
use crate::{
    Attempt, Cause, FailureInfo,
    cold_option::ColdOption,
    observe::{Event, RequestOutcome},
};

impl Settings {
    /// Emits the events of a request that ends without a failure. Outlined, so that a first success
    /// doesn't pay for it.
    #[cold]
    #[inline(never)]
    pub(super) fn emit_unfailed(
        &self,
        outcome: RequestOutcome,
        after_failure: &ColdOption<Box<AfterFailure>>,
        attempt: &Attempt,
        elapsed: Option<Duration>,
    ) {
        if self.observers.is_empty() {
            return;
        }
        let durations = Durations::of(after_failure, attempt, elapsed);
        if outcome == RequestOutcome::Success && attempt.number() > 1 {
            self.observers.emit(Event::RetrySucceeded {
                name: &self.name,
                attempt: attempt.number(),
                max_attempts: self.max_attempts(),
                duration: durations.attempt,
                elapsed: durations.request,
            });
        }
        self.emit_finished(outcome, attempt, None, durations);
    }

    /// Emits the event of a finished request, if it is switched on.
    fn emit_finished(
        &self,
        outcome: RequestOutcome,
        attempt: &Attempt,
        failure: Option<(Cause, FailureInfo<'_>)>,
        durations: Durations,
    ) {
        if self.reports_requests {
            self.observers.emit(Event::RequestFinished {
                name: &self.name,
                attempts: attempt.number(),
                outcome,
                cause: failure.map(|(cause, _)| cause),
                failure: failure.map(|(_, failure)| failure),
                elapsed: durations.request,
            });
        }
    }
}

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// Emits the events of an outcome that isn't retried. `ended` is called only if there is an
    /// observer. The outcome is a failure, unless a policy around this one has decided to retry
    /// another outcome.
    #[inline]
    pub(super) fn emit_stopped<'b, Req, Memo>(
        &self,
        progress: &mut RetryState<Memo, Quota::Quota>,
        attempt: &Attempt,
        cause: Cause,
        ended: &dyn Fn(&Memo) -> Ended<'b>,
    ) where
        Quota: QuotaSource<Req>,
    {
        if !self.settings.observers.is_empty() {
            self.emit_end::<Req, _>(progress, attempt, cause, ended);
        }
    }

    #[cold]
    #[inline(never)]
    fn emit_end<'b, Req, Memo>(
        &self,
        progress: &mut RetryState<Memo, Quota::Quota>,
        attempt: &Attempt,
        cause: Cause,
        ended: &dyn Fn(&Memo) -> Ended<'b>,
    ) where
        Quota: QuotaSource<Req>,
    {
        let Settings { name, observers, emitted_not_replayable, .. } = &self.settings;
        // Relaxed: all that matters is that the event is emitted once.
        if cause == Cause::NotReplayable && !emitted_not_replayable.swap(true, Ordering::Relaxed) {
            observers.emit(Event::RequestNotReplayable { name });
        }
        let Ended { outcome, failure, elapsed } = ended(&progress.memo);
        let durations = Durations::of(&progress.after_failure, attempt, elapsed);
        let failure = failure.map(|failure| failure.with_duration(durations.attempt));
        let quota = self.quota.usage(&mut progress.account);
        observers.emit(Event::RetryStopped {
            name,
            attempt: attempt.number(),
            max_attempts: self.settings.max_attempts(),
            cause,
            failure,
            elapsed: durations.request,
            quota,
        });
        self.settings.emit_finished(outcome, attempt, failure.map(|failure| (cause, failure)), durations);
    }
}
