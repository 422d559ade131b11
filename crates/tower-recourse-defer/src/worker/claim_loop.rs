//! Claims jobs while there is room, and waits for more.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tower_recourse::retry::Policy;
use tower_service::Service;

use super::{
    event::JobEvent,
    job_run::Shared,
    pace::Pace,
    panic::{catch, catch_queue},
};
use crate::{Finished, Queue, codec::Decode};

/// How often finished jobs are purged.
const PURGE_INTERVAL: Duration = Duration::from_secs(60);

/// The same while there are more of them than a queue removes at once, so that the table doesn't
/// grow if more than 10,000 jobs per minute finish.
const SHORT_PURGE_INTERVAL: Duration = Duration::from_secs(1);

/// How many jobs [`Queue::purge`] removes at once.
const PURGE_BATCH: u64 = 10_000;

/// The shortest time between two claims that found too few jobs. A job can be due and not
/// claimable, because another worker is just claiming it.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);

/// How long the worker waits for returned jobs to be recorded.
const RETURN_TIME: Duration = Duration::from_secs(5);

/// The state of a running worker.
pub(super) struct ClaimLoop<Q, D, S, P> {
    shared: Arc<Shared<Q, D, P>>,
    service: S,
    room: Arc<Semaphore>,
    jobs: JoinSet<()>,
    is_cut: watch::Sender<bool>,
    pace: Option<Pace>,
    purge_at: Instant,
    /// The latest claim succeeded. After an error, the worker waits for the polling interval,
    /// because a lost connection also looks like a stored job.
    has_claimed: bool,
}

impl<Q, D, S, P> ClaimLoop<Q, D, S, P>
where
    Q: Queue,
    D: Decode,
    D::Request: Send,
    S: Service<D::Request, Response: Send, Error: fmt::Display + Send + 'static, Future: Send> + Clone + Send + 'static,
    P: Policy<D::Request, S::Response, S::Error, State: Send> + Send + Sync + 'static,
{
    pub(super) fn new(shared: Shared<Q, D, P>, service: S) -> Self {
        let room = Arc::new(Semaphore::new(shared.settings.concurrency as usize));
        let pace = shared.settings.rate.map(Pace::new);
        let shared = Arc::new(shared);
        let (jobs, is_cut) = (JoinSet::new(), watch::Sender::new(false));
        Self { shared, service, room, jobs, is_cut, pace, purge_at: Instant::now(), has_claimed: false }
    }

    /// Runs jobs until `stop` ends, and then finishes or returns those that it holds.
    pub(super) async fn run(mut self, mut stop: Pin<&mut impl Future<Output = ()>>) {
        let mut stopped_at = None;
        loop {
            let room = tokio::select! {
                biased;
                () = stop.as_mut() => break,
                room = self.wait_for_room() => room,
            };
            tokio::select! {
                biased;
                () = stop.as_mut() => break,
                () = self.purge() => {}
            }
            // A claim isn't cut off before the grace is over: its jobs would be held until their
            // leases end.
            let grace = self.shared.settings.grace;
            let wait = {
                let claim = self.claim(room);
                let given_up = async {
                    stop.as_mut().await;
                    stopped_at = Some(Instant::now());
                    sleep(grace).await;
                };
                tokio::select! {
                    biased;
                    wait = claim => wait,
                    () = given_up => None,
                }
            };
            if stopped_at.is_some() {
                break;
            }
            if let Some(wait) = wait {
                tokio::select! {
                    biased;
                    () = stop.as_mut() => break,
                    () = self.shared.queue.job_stored(), if self.has_claimed => {}
                    () = self.shared.waits_again.notified() => {}
                    () = sleep(wait) => {}
                }
            }
        }
        self.stop(stopped_at.unwrap_or_else(Instant::now)).await;
    }

    /// Waits until a job may start, and returns how many may.
    async fn wait_for_room(&self) -> u32 {
        if let Some(pace) = &self.pace {
            pace.ready().await;
        }
        let all = self.shared.settings.concurrency;
        if let Some(until) = self.shared.pause.until() {
            // While the circuits reject all jobs, one job at a time is tried.
            let _idle = self.room.acquire_many(all).await;
            sleep_until(until).await;
            return 1;
        }
        let _one = self.room.acquire().await;
        let free = u32::try_from(self.room.available_permits()).unwrap_or(all).saturating_add(1);
        if self.pace.is_some() { 1 } else { free.min(all) }
    }

    /// Claims at most `room` jobs and starts them. Returns the time until the next claim makes
    /// sense, or `None` if there may be more jobs.
    async fn claim(&mut self, room: u32) -> Option<Duration> {
        while self.jobs.try_join_next().is_some() {}
        let settings = &self.shared.settings;
        let claimed_at = Instant::now();
        let claim = match catch_queue(self.shared.queue.claim(room, settings.lease)).await {
            Ok(claim) => claim,
            Err(error) => {
                self.has_claimed = false;
                self.shared.emit(&JobEvent::QueueFailed { error: &error });
                return Some(settings.poll);
            }
        };
        self.has_claimed = true;
        let is_full = claim.jobs.len() >= room as usize;
        for job in claim.jobs {
            // There is room, because only this loop takes permits.
            let Ok(permit) = Arc::clone(&self.room).acquire_owned().await else { break };
            let service = catch(|| self.service.clone());
            let run = Arc::clone(&self.shared).run_job(service, job, claimed_at, self.is_cut.subscribe());
            self.jobs.spawn(async move {
                run.await;
                drop(permit);
            });
            if let Some(pace) = &mut self.pace {
                pace.started();
            }
        }
        let next = claim.next_due.unwrap_or(Duration::MAX).min(settings.poll).max(SHORTEST_WAIT);
        (!is_full).then_some(next)
    }

    async fn purge(&mut self) {
        if Instant::now() < self.purge_at {
            return;
        }
        self.purge_at = Instant::now() + PURGE_INTERVAL;
        match catch_queue(self.shared.queue.purge(Finished::Done, self.shared.settings.keep_done)).await {
            Ok(purged) if purged >= PURGE_BATCH => self.purge_at = Instant::now() + SHORT_PURGE_INTERVAL,
            Ok(_) => {}
            Err(error) => self.shared.emit(&JobEvent::QueueFailed { error: &error }),
        }
    }

    /// Finishes or returns the jobs. The grace began at `stopped_at`.
    async fn stop(mut self, stopped_at: Instant) {
        let finish = async { while self.jobs.join_next().await.is_some() {} };
        let grace = self.shared.settings.grace.saturating_sub(stopped_at.elapsed());
        if timeout(grace, finish).await.is_err() {
            self.is_cut.send_replace(true);
            let returned = async { while self.jobs.join_next().await.is_some() {} };
            // Jobs that can't be returned in time are claimed again after their leases.
            let _ = timeout(RETURN_TIME, returned).await;
        }
    }
}
