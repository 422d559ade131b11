//! How [`RetryConfig`] decides. The checks have one order, the first that says no gives the reason, and the budget is asked
//! last, so that nothing is taken for an attempt that something else forbids:
//!
//! 1. the switch, 2. the ledger in all, 3. the circuit's rejection, 4. a permanent failure, 5. the ledger per key, 6. attempts,
//! 7. the server's delay, 8. whether the request can be sent again, 9. and safely so, 10. the deadline, 11. the budget.
//!
//! Before any of that, unless retrying is switched off: a call that was refused is sent again, once, and a short rejection is waited
//! out.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    Answer, Decision, Elapsed, Limits, Policy, Reason, RetryConfig,
    budget::{AnyBudget, Reservation, Token},
    config::Terms,
    ledger::Accounts,
    rejection_wait::Age,
    waits::Waits,
};
use crate::{
    Attempt, Cause, Classifier, Failure, FailureKind, Outcome, Sent, Verdict,
    call_context::budget_scope,
    classify::{LetGo, Origin},
    observe::Event,
    random,
    seldom::Seldom,
    time::Instant,
};

/// What a [`RetryConfig`] keeps for one request.
#[derive(Debug)]
pub struct Progress<M, B> {
    memo: M,
    account: B,
    /// Boxed, as nearly every request does without: what isn't there needn't be written, moved, and dropped.
    again: Seldom<Box<Again>>,
}

/// What it takes to try again.
#[derive(Debug, Default)]
struct Again {
    waits: Waits,
    /// Held from the decision to retry until the attempt is made.
    reservation: Reservation,
    age: Age,
}

impl<M, B> Progress<M, B> {
    fn again(&mut self) -> &mut Again {
        self.again.get_or_insert_with(Box::default)
    }
}

impl<C, A, L, K, Req, Res, Err> Policy<Req, Res, Err> for RetryConfig<C, A, L, K>
where
    C: Classifier<Req, Res, Err>,
    A: Answer<Res, Err>,
    L: Accounts<Req>,
{
    type State = Progress<C::Memo, L::Account>;

    #[inline(always)]
    fn start(&self, request: &Req) -> Self::State {
        if let Some(budget) = self.terms.budget.as_ref().filter(|_| self.terms.deposits) {
            budget.deposit_once();
        }
        Progress { memo: self.classifier.memo(request), account: self.ledger.open(request), again: Seldom::NONE }
    }

    #[inline]
    fn attempt(&self, progress: &mut Self::State, _: &Attempt) {
        if let Some(again) = progress.again.as_mut() {
            again.reservation.spend();
        }
        self.ledger.spend(&mut progress.account);
    }

    #[inline(always)]
    fn decide(&self, progress: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision {
        // What is left from an attempt which wasn't ready goes back first.
        let paid = progress.again.as_mut().and_then(|again| again.reservation.settle(attempt.number()));
        self.ledger.give_back(&mut progress.account);
        let verdict = match outcome.cause() {
            Some(Cause::Rejected { retry_in }) => Verdict::rejected(retry_in),
            _ => self.classifier.classify(&progress.memo, outcome.result()),
        };
        match verdict {
            Verdict::Success => {
                self.terms.succeeded(attempt, paid);
                Decision::Return(Reason::Success)
            }
            Verdict::Neutral => Decision::Return(Reason::Neutral),
            Verdict::Failure(failure) => self.failed::<Req, _>(progress, attempt, paid, failure),
        }
    }

    fn not_retried(&self, progress: &mut Self::State, attempt: &Attempt, cause: Cause) {
        // Now, and not when the caller lets go of the future.
        if let Some(again) = progress.again.as_mut() {
            again.reservation.give_back();
        }
        self.ledger.give_back(&mut progress.account);
        self.stopped::<Req, _>(progress, attempt, cause);
    }

    #[inline]
    fn deadline(&self, progress: &Self::State) -> Option<Instant> {
        self.classifier.deadline(&progress.memo)
    }

    fn let_go(&self, outcome: Result<Res, Err>) -> Option<LetGo> {
        self.classifier.let_go(outcome).ok()
    }

    #[inline]
    fn limits(&self) -> Limits {
        self.terms.limits
    }

    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        self.answer.answer(elapsed)
    }

    #[inline]
    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.classifier.origin(outcome)
    }

    #[inline]
    fn budget(&self) -> Option<&AnyBudget> {
        self.terms.budget.as_ref()
    }
}

impl<C, A, L, K> RetryConfig<C, A, L, K> {
    #[cold]
    fn failed<Req, M>(
        &self,
        progress: &mut Progress<M, L::Account>,
        attempt: &Attempt,
        paid: Option<Token>,
        failure: Failure,
    ) -> Decision
    where
        L: Accounts<Req>,
    {
        if failure.is_refused() && self.resends(progress, attempt) {
            let again = progress.again();
            again.waits.resent = true;
            again.age.begin_if_timed(attempt);
            let Terms { name, observers, .. } = &self.terms;
            observers.tell(Event::Resent { name, attempt: attempt.number() });
            return Decision::Resend;
        }
        if let Some(delay) = self.wait_for_rejection(progress, attempt, failure) {
            return self.wait_out::<Req, _>(progress, attempt, paid, delay);
        }
        self.terms.failed(attempt, paid, failure);
        if costs_nothing(failure) {
            self.ledger.rejected(&mut progress.account);
        }
        match self.check::<Req, _>(progress, attempt, failure) {
            Ok(delay) => self.retry::<Req, _>(progress, attempt, delay),
            Err(reason) => self.stop::<Req, _>(progress, attempt, reason),
        }
    }

    /// Whether a call that was refused is sent again for nothing. Once: a connection that refuses everything must not keep us
    /// busy. What can't be sent again, and what wasn't sent as the service wasn't ready, is left to the checks.
    fn resends<M, B>(&self, progress: &Progress<M, B>, attempt: &Attempt) -> bool {
        self.terms.is_on()
            && progress.again.as_ref().is_none_or(|again| !again.waits.resent)
            && attempt.is_replayable()
            && !attempt.is_unsent()
            && !crosses_deadline(attempt, Duration::ZERO)
    }

    /// How long to wait for a rejection to end, if it is waited out.
    fn wait_for_rejection<M, B>(
        &self,
        progress: &Progress<M, B>,
        attempt: &Attempt,
        failure: Failure,
    ) -> Option<Duration> {
        if !costs_nothing(failure) {
            return None;
        }
        let Terms { rejection_wait, .. } = &self.terms;
        let retry_in = failure.retry_after()?;
        // What a later attempt has paid went back already, if the service wasn't ready for it.
        let is_paid = attempt.number() == 1 || !attempt.is_unsent();
        // A retry further in has made a call in this attempt.
        let is_made = attempt.is_accounted();
        // The rejection may be that of a later step, so that an earlier one would be repeated.
        let is_safe = self.terms.idempotent || !attempt.may_have_worked();
        if rejection_wait.is_none()
            || !self.terms.is_on()
            || !attempt.is_replayable()
            || !is_paid
            || is_made
            || !is_safe
        {
            return None;
        }
        let age = progress.again.as_ref().map_or_else(Age::default, |again| again.age).of(attempt);
        let delay = rejection_wait.delay(retry_in, age, || self.terms.random())?;
        (!crosses_deadline(attempt, delay)).then_some(delay)
    }

    /// Waits out a rejection. What the attempt has paid is held, as the same attempt follows.
    fn wait_out<Req, M>(
        &self,
        progress: &mut Progress<M, L::Account>,
        attempt: &Attempt,
        paid: Option<Token>,
        delay: Duration,
    ) -> Decision
    where
        L: Accounts<Req>,
    {
        let Terms { name, observers, budget, .. } = &self.terms;
        let again = progress.again();
        again.age.wait(attempt, delay);
        if let (Some(budget), Some(paid)) = (budget, paid) {
            again.reservation = budget.hold(paid);
        }
        self.ledger.hold(&mut progress.account);
        observers.tell(Event::RejectionWait { name, attempt: attempt.number(), delay });
        Decision::WaitOut { delay }
    }

    /// Whether to try again, and after which wait: the checks in their order.
    fn check<Req, M>(
        &self,
        progress: &mut Progress<M, L::Account>,
        attempt: &Attempt,
        failure: Failure,
    ) -> Result<Duration, Reason>
    where
        L: Accounts<Req>,
    {
        let Self { terms, ledger, .. } = self;
        if !terms.is_on() {
            return Err(Reason::SwitchedOff);
        }
        if let Some(spent) = ledger.spent_in_all() {
            return Err(Reason::Ledger(spent));
        }
        match failure.kind() {
            FailureKind::Rejected => return Err(Reason::Rejected { retry_in: failure.retry_after() }),
            FailureKind::Permanent => return Err(Reason::Permanent),
            _ if failure.is_final() => return Err(Reason::Permanent),
            _ => {}
        }
        if let Some(spent) = ledger.spent_by_key(&mut progress.account) {
            return Err(Reason::Ledger(spent));
        }
        if attempt.number() > terms.retries {
            return Err(Reason::AttemptsSpent { attempts: attempt.number() });
        }
        let asked = failure.retry_after().unwrap_or_default();
        if asked > terms.longest_server_delay {
            return Err(Reason::ServerDelay { asked });
        }
        if !attempt.is_replayable() {
            return Err(Reason::NotReplayable);
        }
        if !terms.idempotent && !failure.is_safe_to_resend() && !attempt.is_unsent() {
            terms.hint_at_idempotency(failure);
            return Err(Reason::UnsafeToResend);
        }
        let begins_anew = failure.replaces_backoff();
        let waits = progress.again.as_ref().map(|again| again.waits).unwrap_or_default();
        let (own_delay, backoff) = match begins_anew {
            true => (Duration::ZERO, Duration::ZERO),
            false => terms.next_delay(failure, waits.previous(), waits.retry_after(attempt.number())),
        };
        let least = own_delay.max(asked);
        if crosses_deadline(attempt, least) {
            return Err(Reason::Deadline);
        }
        let delay = match asked.is_zero() || failure.is_delay_exact() {
            true => least,
            false => own_delay.max(terms.spread(asked, attempt)),
        };
        // Entered at once with the last look at the limits, which others may have reached meanwhile. A budget that says no strikes
        // it out again.
        ledger.take(&mut progress.account).map_err(Reason::Ledger)?;
        if let Some(budget) = &terms.budget {
            match budget.reserve(failure.kind()) {
                Some(reservation) => progress.again().reservation = reservation,
                None => {
                    ledger.give_back(&mut progress.account);
                    return Err(Reason::Budget);
                }
            }
        }
        let again = progress.again();
        if delay.is_zero() {
            again.age.begin_if_timed(attempt);
        } else if !terms.rejection_wait.is_none() {
            again.age.begin(attempt);
        }
        let waits = &mut again.waits;
        if begins_anew {
            waits.begin_after(attempt.number());
        } else {
            waits.waited(backoff);
        }
        Ok(delay)
    }

    fn retry<Req, M>(&self, progress: &mut Progress<M, L::Account>, attempt: &Attempt, delay: Duration) -> Decision
    where
        L: Accounts<Req>,
    {
        let booked = self.ledger.booked(&mut progress.account);
        let (name, attempt) = (&self.terms.name, attempt.number());
        self.terms.observers.tell(Event::RetryScheduled { name, attempt, delay, booked });
        Decision::Retry { delay, reason: Reason::Transient }
    }

    fn stop<Req, M>(&self, progress: &mut Progress<M, L::Account>, attempt: &Attempt, reason: Reason) -> Decision
    where
        L: Accounts<Req>,
    {
        if let Some(cause) = reason.cause() {
            self.stopped::<Req, M>(progress, attempt, cause);
        }
        Decision::Return(reason)
    }

    fn stopped<Req, M>(&self, progress: &mut Progress<M, L::Account>, attempt: &Attempt, cause: Cause)
    where
        L: Accounts<Req>,
    {
        let Terms { name, observers, told_not_replayable, .. } = &self.terms;
        // Relaxed: that it is told once is all that matters.
        if cause == Cause::NotReplayable && !told_not_replayable.swap(true, Ordering::Relaxed) {
            observers.tell(Event::NothingToRetry { name });
        }
        let booked = self.ledger.booked(&mut progress.account);
        observers.tell(Event::RetryStopped { name, attempt: attempt.number(), cause, booked });
    }
}

impl Terms {
    #[inline]
    fn is_on(&self) -> bool {
        self.switch.as_ref().is_none_or(|switch| switch.is_on())
    }

    #[inline]
    fn succeeded(&self, attempt: &Attempt, paid: Option<Token>) {
        if let Some(budget) = self.untold(attempt) {
            if paid.is_some() {
                budget.succeeded(paid);
                budget_scope::mark_reported(budget.address());
            } else {
                budget.succeeded_at_once();
            }
        }
        let number = attempt.number();
        if number > 1 {
            self.observers.tell(Event::RetrySucceeded { name: &self.name, attempt: number });
        }
    }

    fn failed(&self, attempt: &Attempt, paid: Option<Token>, failure: Failure) {
        let Some(budget) = self.untold(attempt) else { return };
        match paid {
            // It is no attempt that failed.
            Some(paid) if costs_nothing(failure) => budget.give_back(paid),
            None if costs_nothing(failure) => {}
            _ => {
                budget.failed(failure.kind());
                budget_scope::mark_reported(budget.address());
            }
        }
    }

    /// Emits an event about a failure that isn't retried because the classifier didn't know whether its request is idempotent. Once:
    /// the configuration is to be completed.
    fn hint_at_idempotency(&self, failure: Failure) {
        // Relaxed: all that matters is that it is emitted once.
        if failure.is_idempotency_unknown() && !self.told_idempotency_unknown.swap(true, Ordering::Relaxed) {
            self.observers.tell(Event::IdempotencyUnknown { name: &self.name });
        }
    }

    /// The budget, unless a retry further in has told it what came of this attempt.
    #[inline]
    fn untold(&self, attempt: &Attempt) -> Option<&AnyBudget> {
        self.budget.as_ref().filter(|_| !attempt.is_accounted())
    }

    /// The delay of retry number `retry`: 1 is the first.
    fn next_delay(&self, failure: Failure, previous: Option<Duration>, retry: u32) -> (Duration, Duration) {
        let (nth, random) = (retry.saturating_sub(1), self.random());
        let delay = self.backoff.delay(nth, previous, random);
        if failure.kind() == FailureKind::Throttled && failure.retry_after().is_none_or(|asked| asked.is_zero()) {
            return (self.slowed_down(delay, (nth, previous, random)), delay);
        }
        (delay, delay)
    }

    #[cold]
    fn slowed_down(&self, delay: Duration, (nth, previous, random): (u32, Option<Duration>, f64)) -> Duration {
        delay.max(self.throttled_backoff.delay(nth, previous, random))
    }

    /// A wait that the other side asked for, prolonged at random. The attempt after it gets at least
    /// half of the time that the deadline leaves.
    #[cold]
    fn spread(&self, asked: Duration, attempt: &Attempt) -> Duration {
        let share = self.server_delay_jitter.as_f64();
        if share <= 0.0 {
            return asked;
        }
        let left = attempt.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let spare = left.map_or(Duration::MAX, |left| left.saturating_sub(asked) / 2);
        let added = Duration::try_from_secs_f64(asked.as_secs_f64() * share).unwrap_or(Duration::MAX);
        let most = added.max(Duration::from_millis(10)).min(spare);
        asked.saturating_add(most.mul_f64(self.random()))
    }

    /// The next random number, within 0..1.
    fn random(&self) -> f64 {
        // Relaxed: all that matters is that no two get the same turn.
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        random::unit(&mut random::generator(self.seed, turn))
    }
}

fn crosses_deadline(attempt: &Attempt, delay: Duration) -> bool {
    attempt.deadline().is_some_and(|deadline| deadline.saturating_duration_since(Instant::now()) <= delay)
}

/// A breaker rejected the attempt, so it wasn't made. A classifier may call one rejected that was made.
fn costs_nothing(failure: Failure) -> bool {
    failure.kind() == FailureKind::Rejected && failure.sent() == Sent::No
}
