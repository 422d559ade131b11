use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::Instant;

/// A clock that only moves when it is told to: clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{BreakerConfig, Circuit, State, time::ManualClock};
///
/// let clock = ManualClock::new();
/// let circuit = Circuit::new(BreakerConfig::default().clock(clock.clone()));
/// for _ in 0..6 {
///     clock.advance(Duration::from_millis(100));
///     circuit.admit().unwrap().failure();
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
    /// A clock that stands still.
    pub fn new() -> Self {
        Self { start: Instant::now(), nanos: Arc::default() }
    }

    /// Moves the clock on. It stops at some 584 years after its start.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let moved = |nanos: u64| Some(nanos.saturating_add(by));
        // Always `Some`, so this can't fail.
        let _ = self.nanos.fetch_update(Ordering::AcqRel, Ordering::Acquire, moved);
    }

    /// The time that it shows.
    pub fn now(&self) -> Instant {
        self.start + self.elapsed()
    }

    /// How far it was moved since it was made.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Acquire))
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}
