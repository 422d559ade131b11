//! The events of attempts that another call follows. They are made only if there is an observer.

use std::time::Duration;

use super::{
    super::{RetryConfig, config::Settings, quota::QuotaSource},
    AfterFailure, RetryState,
    durations::Durations,
};
use crate::{Attempt, FailureInfo, cold_option::ColdOption, observe::Event};

/// The state of a request after a failure.
type State = ColdOption<Box<AfterFailure>>;

// `info` contains the duration of a timed attempt.
impl Settings {
    #[cold]
    #[inline(never)]
    pub(super) fn emit_transparent_retry(&self, state: &State, attempt: &Attempt, info: FailureInfo<'_>) {
        let durations = Durations::of(state, attempt, info.duration);
        self.observers.emit(Event::TransparentRetry {
            name: &self.name,
            attempt: attempt.number(),
            failure: info.with_duration(durations.attempt),
            elapsed: durations.request,
        });
    }

    #[cold]
    #[inline(never)]
    pub(super) fn emit_wait(&self, state: &State, attempt: &Attempt, info: FailureInfo<'_>, delay: Duration) {
        let elapsed = Durations::of(state, attempt, info.duration).request;
        self.observers.emit(Event::RejectionWait { name: &self.name, attempt: attempt.number(), delay, elapsed });
    }
}

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    #[cold]
    #[inline(never)]
    pub(super) fn emit_scheduled<Req, Memo>(
        &self,
        progress: &mut RetryState<Memo, Quota::Quota>,
        attempt: &Attempt,
        info: FailureInfo<'_>,
        delay: Duration,
        reason: Option<&'static str>,
    ) where
        Quota: QuotaSource<Req>,
    {
        let durations = Durations::of(&progress.after_failure, attempt, info.duration);
        self.settings.observers.emit(Event::RetryScheduled {
            name: &self.settings.name,
            attempt: attempt.number(),
            max_attempts: self.settings.max_attempts(),
            failure: info.with_duration(durations.attempt),
            delay,
            elapsed: durations.request,
            reason,
            quota: self.quota.usage(&mut progress.account),
        });
    }
}
