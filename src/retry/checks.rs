//! How [`RetryConfig`] decides. The checks have one order, the first that says no gives the reason, and the budget is asked
//! last, so that no token is taken for an attempt that something else forbids:
//!
//! 1. the circuit's rejection, 2. what the outcome means (success, neutral, permanent), 3. attempts, 4. the server's delay,
//! 5. whether the request can be sent again, 6. the deadline, 7. the budget.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    Answer, Decision, Elapsed, Limits, Policy, Reason, RetryConfig,
    budget::{Budget, Reservation},
};
use crate::{
    Attempt, Cause, Classifier, Failure, FailureKind, Outcome, Verdict, observe::Event, random, time::Instant, told,
};

/// What a [`RetryConfig`] keeps for one request.
#[derive(Debug)]
pub struct Progress<M> {
    memo: M,
    previous_delay: Option<Duration>,
    /// Held from the decision to retry until the attempt is made.
    reservation: Reservation,
}

impl<C, A, Req, Res, Err> Policy<Req, Res, Err> for RetryConfig<C, A>
where
    C: Classifier<Req, Res, Err>,
    A: Answer<Res, Err>,
{
    type State = Progress<C::Memo>;

    fn start(&self, request: &Req) -> Self::State {
        if let Some(budget) = &self.budget {
            if !told::is_within_budget(Arc::as_ptr(budget).cast::<()>() as usize) {
                budget.deposit();
            }
        }
        Progress { memo: self.classifier.memo(request), previous_delay: None, reservation: Reservation::NONE }
    }

    fn attempt(&self, progress: &mut Self::State, _: &Attempt) {
        progress.reservation.spend();
    }

    fn decide(&self, progress: &mut Self::State, attempt: &Attempt, outcome: Outcome<'_, Res, Err>) -> Decision {
        let decision = match outcome.cause() {
            Some(Cause::Rejected { retry_in }) => Decision::Return(Reason::Rejected { retry_in }),
            _ => match self.classifier.classify(&progress.memo, outcome.result()) {
                Verdict::Success => {
                    if let Some(budget) = &self.budget {
                        budget.succeeded(progress.reservation.paid(attempt.number()));
                    }
                    Decision::Return(Reason::Success)
                }
                Verdict::Neutral => Decision::Return(Reason::Neutral),
                Verdict::Failure(failure) => self.decide_failure(progress, attempt, failure),
            },
        };
        self.tell(attempt, decision);
        decision
    }

    fn not_retried(&self, _: &mut Self::State, attempt: &Attempt, cause: Cause) {
        let (name, attempt) = (&self.name, attempt.number());
        self.observers.tell(Event::RetryStopped { name, attempt, cause });
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn timed_out(&self, elapsed: Elapsed) -> Option<Result<Res, Err>> {
        self.answer.answer(elapsed)
    }

    fn budget(&self) -> Option<&dyn Budget> {
        self.budget.as_deref()
    }
}

impl<C, A> RetryConfig<C, A> {
    fn decide_failure<M>(&self, progress: &mut Progress<M>, attempt: &Attempt, failure: Failure) -> Decision {
        match failure.kind() {
            FailureKind::Rejected => return Decision::Return(Reason::Rejected { retry_in: failure.retry_after() }),
            FailureKind::Permanent => return Decision::Return(Reason::Permanent),
            kind => {
                if let Some(budget) = &self.budget {
                    budget.failed(kind);
                }
            }
        }
        if attempt.number() > self.retries {
            return Decision::Return(Reason::AttemptsSpent { attempts: attempt.number() });
        }
        let asked = failure.retry_after().unwrap_or_default();
        if asked > self.longest_server_delay {
            return Decision::Return(Reason::ServerDelay { asked });
        }
        if !attempt.is_replayable() {
            return Decision::Return(Reason::NotReplayable);
        }
        let own_delay = self.next_delay(progress, attempt);
        let delay = own_delay.max(asked);
        if self.crosses_deadline(attempt, delay) {
            return Decision::Return(Reason::Deadline);
        }
        if let Some(budget) = &self.budget {
            // One that is left from an attempt which wasn't ready goes back first.
            progress.reservation = Reservation::NONE;
            match Reservation::of(budget, failure.kind()) {
                Some(reservation) => progress.reservation = reservation,
                None => return Decision::Return(Reason::Budget),
            }
        }
        progress.previous_delay = Some(own_delay);
        Decision::Retry { delay, reason: Reason::Transient }
    }

    fn next_delay<M>(&self, progress: &Progress<M>, attempt: &Attempt) -> Duration {
        // Relaxed: only that no two get the same turn matters.
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let random = random::unit(&mut random::generator(self.seed, turn));
        self.backoff.delay(attempt.number() - 1, progress.previous_delay, random)
    }

    fn crosses_deadline(&self, attempt: &Attempt, delay: Duration) -> bool {
        attempt.deadline().is_some_and(|deadline| deadline.saturating_duration_since(Instant::now()) <= delay)
    }

    fn tell(&self, attempt: &Attempt, decision: Decision) {
        let (name, attempt) = (&self.name, attempt.number());
        match decision {
            Decision::Retry { delay, .. } => self.observers.tell(Event::RetryScheduled { name, attempt, delay }),
            Decision::Return(Reason::Success) if attempt == 1 => {}
            Decision::Return(Reason::Success) => self.observers.tell(Event::RetrySucceeded { name, attempt }),
            Decision::Return(reason) => {
                if let Some(cause) = reason.cause() {
                    self.observers.tell(Event::RetryStopped { name, attempt, cause });
                }
            }
        }
    }
}
