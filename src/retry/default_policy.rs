//! [`RetryConfig`] as a [`Policy`].

mod after_failure;
mod budget_reports;
mod checks;
mod durations;
mod end_events;
mod ended;
mod resend_events;
mod retry_delay;
mod wait_out;

use super::{
    Decision, DecisionReason, Elapsed, OverridablePolicy, Override, Policy, Proposal, RetryConfig, TimeLimits,
    TimeoutOutcome,
    backoff_state::BackoffState,
    budget::{AnyBudget, Reservation},
    quota::QuotaSource,
    request_age::RequestAge,
};
use crate::{
    Attempt, Cause, Classifier, FailureInfo, Outcome, Verdict,
    classify::{DrainFuture, FailureDescription, Origin, failure_text::failure_info},
    cold_option::ColdOption,
    observe::RequestOutcome,
    time::Instant,
};
use ended::Ended;

/// The state of a [`RetryConfig`] for one request.
#[derive(Debug)]
pub struct RetryState<Memo, Account> {
    memo: Memo,
    account: Account,
    /// Boxed, and allocated after the first failure that isn't returned. A request that succeeds at
    /// once doesn't write, move or drop it.
    after_failure: ColdOption<Box<AfterFailure>>,
}

/// The state that exists only after a failure that isn't returned.
#[derive(Debug, Default)]
struct AfterFailure {
    backoff: BackoffState,
    /// The budget's token, held from the decision to retry until the attempt is made.
    reservation: Reservation,
    age: RequestAge,
    /// The request has had its transparent retry.
    had_transparent_retry: bool,
    /// The start of the request, if it is timed. Otherwise the start of the latest call, if there
    /// are observers.
    started: Option<Instant>,
}

impl<Memo, Account> RetryState<Memo, Account> {
    /// The state after the failure of this attempt.
    fn after_failure(&mut self, attempt: &Attempt) -> &mut AfterFailure {
        self.after_failure.get_or_insert_with(|| {
            // `Box::default` writes the state in its place.
            let mut state = Box::<AfterFailure>::default();
            state.started = attempt.started();
            state
        })
    }
}

impl<C, Timeout, Quota, Replay, Req, Res, Err> Policy<Req, Res, Err> for RetryConfig<C, Timeout, Quota, Replay>
where
    C: Classifier<Req, Res, Err>,
    Timeout: TimeoutOutcome<Res, Err>,
    Quota: QuotaSource<Req>,
    Err: 'static,
{
    type State = RetryState<C::Memo, Quota::Quota>;

    #[inline(always)]
    fn start(&self, request: &Req) -> Self::State {
        if let Some(budget) = self.settings.budget.as_ref().filter(|_| self.settings.deposits) {
            budget.deposit_once();
        }
        let (memo, account) = (self.classifier.memo(request), self.quota.open(request));
        RetryState { memo, account, after_failure: ColdOption::NONE }
    }

    #[inline]
    fn attempt(&self, progress: &mut Self::State, attempt: &Attempt) {
        if let Some(after_failure) = progress.after_failure.as_mut() {
            after_failure.reservation.spend();
            if !self.settings.observers.is_empty() && attempt.is_untimed() {
                after_failure.started = Some(Instant::now());
            }
        }
        self.quota.consume(&mut progress.account);
    }

    #[inline(always)]
    fn decide(&self, progress: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision {
        self.decide_but(progress, attempt, outcome, |_| None)
    }

    fn not_retried(&self, progress: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>, cause: Cause) {
        // Refunded here and not later, when the caller drops the future.
        if let Some(after_failure) = progress.after_failure.as_mut() {
            after_failure.reservation.give_back();
        }
        self.quota.release(&mut progress.account);
        let ended = |memo: &_| match self.verdict::<Req, _, _>(memo, &outcome) {
            Verdict::Success => Ended { outcome: RequestOutcome::Success, failure: None, elapsed: outcome.elapsed() },
            Verdict::Neutral | Verdict::ClientError => {
                Ended { outcome: RequestOutcome::Neutral, failure: None, elapsed: outcome.elapsed() }
            }
            Verdict::Failure(failure) => {
                let info = failure_info::<_, Req, Res, _>(&self.classifier, failure.kind(), outcome.result());
                Ended::failed(info.with_duration(outcome.elapsed()))
            }
        };
        self.emit_stopped::<Req, _>(progress, attempt, cause, &ended);
    }

    #[inline]
    fn deadline(&self, progress: &Self::State) -> Option<Instant> {
        self.classifier.deadline(&progress.memo)
    }

    fn discard(&self, outcome: Result<Res, Err>) -> Option<DrainFuture> {
        self.classifier.discard(outcome).ok()
    }

    fn keep(&self, outcome: Result<&Res, &Err>) -> bool {
        self.settings.rejected_retry.keeps(outcome)
    }

    #[inline]
    fn limits(&self) -> TimeLimits {
        self.settings.limits
    }

    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        self.on_timeout.outcome(elapsed)
    }

    #[inline]
    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.classifier.origin(outcome)
    }

    #[inline]
    fn budget(&self) -> Option<&AnyBudget> {
        self.settings.budget.as_ref()
    }
}

impl<C, Timeout, Quota, Replay, Req, Res, Err> OverridablePolicy<Req, Res, Err>
    for RetryConfig<C, Timeout, Quota, Replay>
where
    C: Classifier<Req, Res, Err>,
    Timeout: TimeoutOutcome<Res, Err>,
    Quota: QuotaSource<Req>,
    Err: 'static,
{
    fn decide_with(
        &self,
        state: &mut Self::State,
        attempt: &Attempt,
        outcome: Outcome<'_, Res, Err>,
        overrides: &mut dyn FnMut(&Proposal<'_>) -> Option<Override>,
    ) -> Decision {
        self.decide_but(state, attempt, outcome, overrides)
    }
}

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    #[inline(always)]
    fn verdict<Req, Res, Err>(&self, memo: &C::Memo, outcome: &Outcome<'_, Res, Err>) -> Verdict
    where
        C: Classifier<Req, Res, Err>,
    {
        match outcome.cause() {
            Some(Cause::Rejected { retry_in }) => Verdict::rejected(retry_in),
            _ => self.classifier.classify(memo, outcome.result()),
        }
    }

    #[inline(always)]
    fn decide_but<Req, Res, Err>(
        &self,
        progress: &mut RetryState<C::Memo, Quota::Quota>,
        attempt: &Attempt,
        outcome: Outcome<'_, Res, Err>,
        overrides: impl FnOnce(&Proposal<'_>) -> Option<Override>,
    ) -> Decision
    where
        C: Classifier<Req, Res, Err>,
        Quota: QuotaSource<Req>,
        Err: 'static,
    {
        // If the attempt wasn't made because the service didn't become ready, its token is
        // refunded.
        let after_failure = progress.after_failure.as_mut();
        let paid = after_failure.and_then(|after_failure| after_failure.reservation.settle(attempt.number()));
        self.quota.release(&mut progress.account);

        match self.verdict::<Req, _, _>(&progress.memo, &outcome) {
            Verdict::Success => {
                self.settings.report_success(attempt, paid);
                if !attempt.is_plain() {
                    let (ended, state) = (RequestOutcome::Success, &progress.after_failure);
                    self.settings.emit_unfailed(ended, state, attempt, outcome.elapsed());
                }
                Decision::Return(DecisionReason::Success)
            }
            Verdict::Neutral | Verdict::ClientError => {
                if !attempt.is_plain() {
                    let (ended, state) = (RequestOutcome::Neutral, &progress.after_failure);
                    self.settings.emit_unfailed(ended, state, attempt, outcome.elapsed());
                }
                Decision::Return(DecisionReason::Neutral)
            }
            Verdict::Failure(failure) => {
                let elapsed = outcome.elapsed();
                match outcome.result() {
                    // Described here, by value: a closure with a reference to the response would
                    // force the response of each call into memory.
                    Ok(response) => {
                        let FailureDescription { status, error } = self.classifier.describe_failure(Ok(response));
                        let info = move |kind| FailureInfo::new(kind).with_status(status).with_error(error);
                        let details = move |kind| info(kind).with_duration(elapsed);
                        self.decide_after_failure::<Req, _>(progress, attempt, paid, failure, &details, overrides)
                    }
                    Err(error) => {
                        let classifier = &self.classifier;
                        let info = move |kind| failure_info::<_, Req, Res, _>(classifier, kind, Err(error));
                        let details = move |kind| info(kind).with_duration(elapsed);
                        self.decide_after_failure::<Req, _>(progress, attempt, paid, failure, &details, overrides)
                    }
                }
            }
        }
    }
}
