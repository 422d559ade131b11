use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::Instant;

/// A clock for tests that only [`advance`](Self::advance) moves. Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{BreakerConfig, Circuit, State, time::ManualClock};
///
/// let clock = ManualClock::new();
/// let circuit = Circuit::new(BreakerConfig::default().clock(clock.clone()));
/// for _ in 0..6 {
///     clock.advance(Duration::from_millis(100));
///     circuit.try_acquire().unwrap().failure();
/// }
/// assert_eq!(circuit.state(), State::Open);
///
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(circuit.state(), State::HalfOpen);
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock {
    start: Instant,
    nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// Makes a clock that stands still.
    pub fn new() -> Self {
        Self { start: Instant::now(), nanos: Arc::default() }
    }

    /// Moves the clock forward. It stops about 584 years after its start.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let moved = |nanos: u64| Some(nanos.saturating_add(by));
        // The closure always returns `Some`, so this can't fail.
        let _ = self.nanos.fetch_update(Ordering::AcqRel, Ordering::Acquire, moved);
    }

    /// The current time of the clock.
    pub fn now(&self) -> Instant {
        self.start + self.elapsed()
    }

    /// How far the clock has been moved.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}
