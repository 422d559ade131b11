use std::time::Duration;

use super::observers::Observers;

/// The settings of a worker that don't depend on its types.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) concurrency: u32,
    /// Jobs per time. `None`: no limit.
    pub(super) rate: Option<(u32, Duration)>,
    pub(super) poll: Duration,
    pub(super) lease: Duration,
    pub(super) grace: Duration,
    pub(super) max_claims: u32,
    pub(super) keep_done: Duration,
    pub(super) observers: Observers,
}

/// At most 100 years, so that the sum with an `Instant` doesn't overflow.
pub(super) fn bounded(time: Duration) -> Duration {
    time.min(Duration::from_secs(100 * 365 * 86_400))
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 4,
            rate: None,
            poll: Duration::from_secs(5),
            lease: Duration::from_secs(30),
            grace: Duration::from_secs(20),
            max_claims: 5,
            keep_done: Duration::from_secs(86_400),
            observers: Observers::default(),
        }
    }
}

impl Settings {
    /// The wait before a renewal or an outcome is tried again.
    pub(super) fn wait_after_error(&self) -> Duration {
        (self.lease / 30).min(Duration::from_secs(1))
    }
}
