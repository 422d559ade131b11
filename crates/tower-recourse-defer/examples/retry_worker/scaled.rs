//! Time that runs 20 times as fast.

use std::{fmt, time::Duration};

use tokio::time::{Instant, sleep_until};

const SCALE: u32 = 20;

/// The real time of this many seconds.
pub(crate) fn scaled(secs: u64) -> Duration {
    Duration::from_secs(secs) / SCALE
}

/// The time since the start.
#[derive(Clone, Copy)]
pub(crate) struct Timeline(Instant);

impl Timeline {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time in seconds.
    pub(crate) fn now(&self) -> u64 {
        (self.0.elapsed() * SCALE).as_secs()
    }

    pub(crate) async fn until(&self, secs: u64) {
        sleep_until(self.0 + scaled(secs)).await;
    }

    pub(crate) fn show(&self, what: impl fmt::Display) {
        println!("t = {:3} s  {what}", self.now());
    }
}
