use std::{sync::LazyLock, time::Duration};

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

#[cfg_attr(not(feature = "breaker"), allow(dead_code))]
impl Clock {
    /// Whether its time is [`now_since_base`].
    pub(crate) fn is_tokio(&self) -> bool {
        matches!(self.0, Source::Tokio)
    }
}

/// Nanoseconds of tokio's clock, counted from some instant of this process, which may lie after it: for those who keep a time in a word.
#[cfg_attr(not(feature = "breaker"), allow(dead_code))]
#[inline]
pub(crate) fn now_since_base() -> i64 {
    since_base(Instant::now())
}

#[cfg_attr(not(feature = "breaker"), allow(dead_code))]
#[inline]
pub(crate) fn since_base(instant: Instant) -> i64 {
    static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);
    let nanos = |time: Duration| time.as_secs() as i64 * 1_000_000_000 + i64::from(time.subsec_nanos());
    match instant.checked_duration_since(*BASE) {
        Some(after) => nanos(after),
        None => -nanos(BASE.duration_since(instant)),
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self(Source::Manual(clock))
    }
}
