//! Waiting out a breaker's rejection. See [`RetryConfig::wait_out_rejections`] for the rules.

use std::time::Duration;

use super::{
    super::{RetryConfig, budget::Token, config::Settings, quota::QuotaSource, request_age::RequestAge},
    RetryState,
    after_failure::{crosses_deadline, is_unmade},
};
use crate::{Attempt, Failure};

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// How long to wait until the same attempt is made again; `None` if the failure isn't a
    /// rejection that is waited out.
    pub(super) fn rejection_delay<Memo, Account>(
        &self,
        progress: &RetryState<Memo, Account>,
        attempt: &Attempt,
        failure: Failure,
    ) -> Option<Duration> {
        let Settings { rejection_wait, idempotent, .. } = &self.settings;
        if !is_unmade(failure) || rejection_wait.is_none() || !self.settings.is_on() || !attempt.is_replayable() {
            return None;
        }
        let retry_in = failure.retry_after()?;
        // A later attempt whose service didn't become ready has had its token refunded, so it can't
        // be made again without a new one.
        if attempt.number() > 1 && attempt.is_unsent() {
            return None;
        }
        // An inner retry has made a call in this attempt, and that call may have been processed.
        if attempt.is_accounted() {
            return None;
        }
        // The rejection may come from a later step of the call. Another attempt would repeat the
        // earlier steps.
        if !idempotent && attempt.may_have_worked() {
            return None;
        }
        let age = progress.after_failure.as_ref().map_or_else(RequestAge::default, |state| state.age);
        let age = age.at(self.settings.start_of_limited(attempt));
        let delay = rejection_wait.delay(retry_in, age, || self.settings.random())?;
        (!crosses_deadline(attempt, delay)).then_some(delay)
    }

    /// Holds the attempt's token and quota permit during the wait, because the same attempt
    /// follows.
    pub(super) fn hold_for_rejection<Req, Memo>(
        &self,
        progress: &mut RetryState<Memo, Quota::Quota>,
        attempt: &Attempt,
        paid: Option<Token>,
        delay: Duration,
    ) where
        Quota: QuotaSource<Req>,
    {
        let after_failure = progress.after_failure(attempt);
        after_failure.age.add_wait(self.settings.start_of_limited(attempt), delay);
        if let (Some(budget), Some(paid)) = (&self.settings.budget, paid) {
            after_failure.reservation = budget.hold(paid);
        }
        self.quota.hold(&mut progress.account);
    }
}
