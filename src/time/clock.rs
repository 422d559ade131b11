use super::{Instant, ManualClock};

/// The clock that a circuit goes by.
#[derive(Debug, Clone, Default)]
pub struct Clock(Source);

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    Tokio,
    Manual(ManualClock),
}

impl Clock {
    /// The time now. Monotonic; outside a tokio runtime it is the system's monotonic clock.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::Tokio => Instant::now(),
            Source::Manual(clock) => clock.now(),
        }
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self(Source::Manual(clock))
    }
}
