//! Claims jobs while there is room, and waits for more.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tower_recourse::retry::Policy;
use tower_service::Service;

use super::{event::JobEvent, job_run::Shared, pace::Pace};
use crate::{Finished, Queue, codec::Decode};

/// How often finished jobs are purged.
const PURGE_INTERVAL: Duration = Duration::from_secs(60);

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
    purged_at: Option<Instant>,
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
        Self { shared, service, room, jobs: JoinSet::new(), is_cut: watch::Sender::new(false), pace, purged_at: None }
    }

    /// Runs jobs until `stop` ends, and then finishes or returns those that it holds.
    pub(super) async fn run(mut self, mut stop: Pin<&mut impl Future<Output = ()>>) {
        loop {
            let room = tokio::select! {
                biased;
                () = stop.as_mut() => break,
                room = self.wait_for_room() => room,
            };
            self.purge().await;
            // A claim isn't cut off: its jobs would be held until their leases end.
            let wait = self.claim(room).await;
            if let Some(wait) = wait {
                tokio::select! {
                    biased;
                    () = stop.as_mut() => break,
                    () = self.shared.queue.job_stored() => {}
                    () = self.shared.waits_again.notified() => {}
                    () = sleep(wait) => {}
                }
            }
        }
        self.stop().await;
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
        let claim = match self.shared.queue.claim(room, settings.lease).await {
            Ok(claim) => claim,
            Err(error) => {
                self.shared.emit(&JobEvent::QueueFailed { error: &error });
                return Some(settings.poll);
            }
        };
        let is_full = claim.jobs.len() >= room as usize;
        for job in claim.jobs {
            // There is room, because only this loop takes permits.
            let Ok(permit) = Arc::clone(&self.room).acquire_owned().await else { break };
            let run = Arc::clone(&self.shared).run_job(self.service.clone(), job, claimed_at, self.is_cut.subscribe());
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
        if self.purged_at.is_some_and(|at| at.elapsed() < PURGE_INTERVAL) {
            return;
        }
        self.purged_at = Some(Instant::now());
        if let Err(error) = self.shared.queue.purge(Finished::Done, self.shared.settings.keep_done).await {
            self.shared.emit(&JobEvent::QueueFailed { error: &error });
        }
    }

    async fn stop(mut self) {
        let finish = async { while self.jobs.join_next().await.is_some() {} };
        if timeout(self.shared.settings.grace, finish).await.is_err() {
            self.is_cut.send_replace(true);
            let returned = async { while self.jobs.join_next().await.is_some() {} };
            // Jobs that can't be returned in time are claimed again after their leases.
            let _ = timeout(RETURN_TIME, returned).await;
        }
    }
}
