use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::settings::bounded;

/// Spaces the starts of jobs, so that at most `jobs` start per time. It allows no burst: a queue
/// that was paused doesn't flood the upstream.
#[derive(Debug)]
pub(super) struct Pace {
    /// The time between two starts.
    interval: Duration,
    next: Instant,
}

impl Pace {
    pub(super) fn new((jobs, per): (u32, Duration)) -> Self {
        Self { interval: bounded(per / jobs.max(1)), next: Instant::now() }
    }

    /// Waits until a job may start.
    pub(super) async fn ready(&self) {
        sleep_until(self.next).await;
    }

    /// A job has started.
    pub(super) fn started(&mut self) {
        self.next = self.next.max(Instant::now()) + self.interval;
    }
}
