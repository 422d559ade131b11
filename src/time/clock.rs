use std::{sync::LazyLock, time::Duration};

use super::{Instant, ManualClock};

/// A source of the current time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Source);

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    Tokio,
    Manual(ManualClock),
}

impl Clock {
    /// The current time. It is monotonic. Outside a tokio runtime it comes from the system's
    /// monotonic clock.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::Tokio => Instant::now(),
            Source::Manual(clock) => clock.now(),
        }
    }
}

#[cfg_attr(not(feature = "breaker"), allow(dead_code))]
impl Clock {
    /// Whether this is tokio's clock, which [`now_since_base`] reads.
    pub(crate) fn is_tokio(&self) -> bool {
        matches!(self.0, Source::Tokio)
    }
}

/// Nanoseconds of tokio's clock since an arbitrary base instant of this process, for code that
/// stores a time in one word. Negative before the base. It saturates at 292 years.
#[cfg_attr(not(feature = "breaker"), allow(dead_code))]
#[inline]
pub(crate) fn now_since_base() -> i64 {
    let nanos =
        |time: Duration| time.as_secs().min(9_223_372_000) as i64 * 1_000_000_000 + i64::from(time.subsec_nanos());
    match since_base(Instant::now()) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before),
    }
}

/// Microseconds since the base, rounded down, for any clock.
#[cfg_attr(not(feature = "breaker"), allow(dead_code))]
#[inline]
pub(crate) fn micros_since_base(instant: Instant) -> i64 {
    let micros = |secs: u64, nanos: u32| secs.min(9_223_372_000_000) as i64 * 1_000_000 + i64::from(nanos / 1_000);
    match since_base(instant) {
        Ok(after) => micros(after.as_secs(), after.subsec_nanos()),
        Err(before) => -micros(before.as_secs(), before.subsec_nanos() + 999),
    }
}

/// The time since the base, or as `Err` the time until it.
#[inline]
fn since_base(instant: Instant) -> Result<Duration, Duration> {
    static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);
    instant.checked_duration_since(*BASE).ok_or_else(|| BASE.duration_since(instant))
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self(Source::Manual(clock))
    }
}

#[cfg(all(test, feature = "breaker"))]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_rounded_down_on_both_sides_of_the_base() {
        let nanos = Duration::from_nanos;
        let now = Instant::now();
        let base = now - since_base(now).unwrap();
        for (since, micros) in [(0, 0), (999, 0), (1_000, 1), (2_000_000_999, 2_000_000)] {
            assert_eq!(micros_since_base(base + nanos(since)), micros);
        }
        for (until, micros) in
            [(1, -1), (1_000, -1), (1_001, -2), (999_999_001, -1_000_000), (2_000_000_000, -2_000_000)]
        {
            assert_eq!(micros_since_base(base - nanos(until)), micros);
        }
    }

    #[test]
    fn instants_a_thousand_years_away_are_representable() {
        let years = Duration::from_secs(1_000 * 365 * 86_400);
        let micros = i64::try_from(years.as_micros()).unwrap();
        let now = micros_since_base(Instant::now());
        assert!(micros_since_base(Instant::now() + years) - micros - now < 60_000_000);
    }
}
