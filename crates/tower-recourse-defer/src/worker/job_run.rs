//! Runs one claimed job: the call, its lease, and its outcome.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tower_recourse::retry::Policy;
use tower_service::Service;

use super::{
    attempt::attempt,
    event::JobEvent,
    outcome::JobOutcome,
    panic::{CatchPanic, catch, catch_queue},
    pause::Pause,
    settings::Settings,
};
use crate::{ClaimedJob, DeadReason, Queue, codec::Decode};

/// What all jobs of a worker share.
pub(super) struct Shared<Q, D, P> {
    pub(super) queue: Q,
    pub(super) decode: D,
    pub(super) policy: P,
    pub(super) settings: Settings,
    pub(super) pause: Pause,
    /// Notified when a job waits again, because it may be due before the next poll.
    pub(super) waits_again: tokio::sync::Notify,
}

/// How the work on a job ended.
enum Ended {
    With(JobOutcome),
    LeaseLost,
}

impl<Q: Queue, D: Decode, P> Shared<Q, D, P> {
    /// Runs a job until its outcome is recorded or its lease is lost. `claimed_at` is a time before
    /// the claim. `is_cut` becomes true when the grace is over. `service` is an error if the
    /// clone of the service panicked.
    pub(super) async fn run_job<S>(
        self: Arc<Self>,
        service: Result<S, String>,
        job: ClaimedJob,
        claimed_at: Instant,
        mut is_cut: watch::Receiver<bool>,
    ) where
        S: Service<D::Request>,
        S::Error: fmt::Display + 'static,
        P: Policy<D::Request, S::Response, S::Error>,
    {
        let mut held_until = claimed_at + self.settings.lease;
        // The queue may have answered after the lease's end. Then another worker may have the job.
        let is_late = Instant::now() >= held_until;
        let ended = if is_late && !self.renew_late(&job, &mut held_until).await {
            Ended::LeaseLost
        } else {
            let work = self.work(service, &job);
            tokio::select! {
                biased;
                outcome = work => Ended::With(outcome),
                () = self.keep_lease(&job, &mut held_until) => Ended::LeaseLost,
                _ = is_cut.wait_for(|is_cut| *is_cut) => Ended::With(JobOutcome::Returned),
            }
        };
        match ended {
            Ended::With(outcome) => self.settle(&job, &outcome, claimed_at, held_until).await,
            Ended::LeaseLost => self.emit(&JobEvent::LeaseLost { key: &job.lease.key }),
        }
    }

    /// Decodes the request and calls the service.
    async fn work<S>(&self, service: Result<S, String>, job: &ClaimedJob) -> JobOutcome
    where
        S: Service<D::Request>,
        S::Error: fmt::Display + 'static,
        P: Policy<D::Request, S::Response, S::Error>,
    {
        let max_claims = self.settings.max_claims;
        if job.claims > max_claims {
            let why = format!("{max_claims} claims in a row had no outcome");
            return JobOutcome::SetAside { reason: DeadReason::Crashed, why };
        }
        let request = match catch(|| self.decode.decode(job)) {
            Ok(Ok(request)) => request,
            Ok(Err(error)) => return JobOutcome::SetAside { reason: DeadReason::Unreadable, why: error.to_string() },
            Err(panicked) => return JobOutcome::SetAside { reason: DeadReason::Unreadable, why: panicked },
        };
        let service = match service {
            Ok(service) => service,
            Err(panicked) => return JobOutcome::of_panic(job, max_claims, panicked),
        };
        let number = job.attempts.saturating_add(1);
        self.emit(&JobEvent::Started { key: &job.lease.key, attempt: number });
        let attempted = CatchPanic(Box::pin(attempt(&self.policy, service, request, number))).await;
        let outcome = match attempted {
            Ok(attempted) => JobOutcome::of_attempt(attempted),
            Err(panicked) => JobOutcome::of_panic(job, max_claims, panicked),
        };
        match &outcome {
            JobOutcome::Postponed { due_in, .. } => self.pause.rejected(*due_in),
            _ => self.pause.admitted(),
        }
        outcome
    }

    /// Renews a lease that has ended. Returns whether it is held.
    async fn renew_late(&self, job: &ClaimedJob, held_until: &mut Instant) -> bool {
        let lease = self.settings.lease;
        let asked_at = Instant::now();
        let renewed = catch_queue(self.queue.renew(&job.lease, lease)).await;
        if let Err(error) = &renewed {
            self.emit(&JobEvent::QueueFailed { error });
        }
        *held_until = asked_at + lease;
        renewed.unwrap_or(false) && Instant::now() < *held_until
    }

    /// Renews the lease. Ends when the lease is lost, or can't be known to be held. The lease may
    /// have been held for long, because the claim took long.
    async fn keep_lease(&self, job: &ClaimedJob, held_until: &mut Instant) {
        let Settings { lease, .. } = self.settings;
        let mut renew_at = *held_until - lease + lease / 3;
        loop {
            sleep_until(renew_at).await;
            let asked_at = Instant::now();
            let renewed = tokio::select! {
                renewed = catch_queue(self.queue.renew(&job.lease, lease)) => renewed,
                () = sleep_until(*held_until) => return,
            };
            match renewed {
                Ok(true) => {
                    *held_until = asked_at + lease;
                    renew_at = asked_at + lease / 3;
                }
                Ok(false) => return,
                Err(error) => {
                    self.emit(&JobEvent::QueueFailed { error: &error });
                    renew_at = Instant::now() + self.settings.wait_after_error();
                }
            }
            if Instant::now() >= *held_until {
                return;
            }
        }
    }

    /// Records the outcome. If the queue fails, it tries again while the lease lasts, and once
    /// more: the queue refuses the outcome if another worker has claimed the job.
    async fn settle(&self, job: &ClaimedJob, outcome: &JobOutcome, claimed_at: Instant, held_until: Instant) {
        let update = outcome.update(job);
        let age = job.age + claimed_at.elapsed();
        loop {
            match catch_queue(self.queue.settle(&job.lease, &update)).await {
                Ok(true) => {
                    self.emit_outcome(job, outcome, age);
                    if let crate::NextState::Waiting { .. } = update.state {
                        self.waits_again.notify_one();
                    }
                    return;
                }
                Ok(false) => return self.emit(&JobEvent::LeaseLost { key: &job.lease.key }),
                Err(error) => {
                    self.emit(&JobEvent::QueueFailed { error: &error });
                    if Instant::now() >= held_until {
                        return self.emit(&JobEvent::LeaseLost { key: &job.lease.key });
                    }
                }
            }
            sleep(self.settings.wait_after_error()).await;
        }
    }

    fn emit_outcome(&self, job: &ClaimedJob, outcome: &JobOutcome, age: Duration) {
        let (key, attempt) = (&job.lease.key, job.attempts.saturating_add(1));
        self.emit(&match outcome {
            JobOutcome::Done => JobEvent::Done { key, attempt, age },
            JobOutcome::Retried { due_in, why } => JobEvent::Retried { key, attempt, due_in: *due_in, why },
            JobOutcome::Postponed { due_in, .. } => JobEvent::Postponed { key, due_in: *due_in },
            JobOutcome::Crashed { why, .. } => JobEvent::Crashed { key, claims: job.claims, why },
            JobOutcome::Returned => JobEvent::Returned { key },
            JobOutcome::Dead { reason, why } => JobEvent::Dead { key, attempts: attempt, reason, why },
            JobOutcome::SetAside { reason, why } => JobEvent::Dead { key, attempts: job.attempts, reason, why },
        });
    }

    pub(super) fn emit(&self, event: &JobEvent<'_>) {
        self.settings.observers.emit(event);
    }
}
