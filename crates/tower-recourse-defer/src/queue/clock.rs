#![allow(clippy::disallowed_types, reason = "the one place that reads the system's clock")]

use std::{fmt, sync::Arc, time::SystemTime};

/// A source of wall clock time, in milliseconds since the start of 1970.
///
/// Due times must survive the process, so they are dates. If the clock is set forward, jobs are due
/// earlier, and a lease may end while its worker still runs the job. If it is set back, jobs that
/// wait and leases that a dead worker left behind last longer by that time. Nothing is lost.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::from_fn(|| match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(_) => 0,
        })
    }

    /// A function that returns the time. It must not block. Times that are more than 73 million
    /// years from 1970 are shortened, so that sums don't overflow.
    pub fn from_fn(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// A clock that moves with tokio's clock, so that `tokio::time::pause` stops it.
    #[cfg(feature = "testing")]
    pub fn tokio() -> Self {
        let start = tokio::time::Instant::now();
        Self::from_fn(move || 1_700_000_000_000 + i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// The current time.
    pub fn now(&self) -> i64 {
        const FARTHEST: i64 = i64::MAX / 4;
        (self.0)().clamp(-FARTHEST, FARTHEST)
    }
}

/// The system's clock.
impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock(..)")
    }
}
