//! The time of a circuit.

use std::time::Duration;

use super::core::Tenant;
use crate::{
    breaker::{cell::FailingSince, config::Settings},
    time::{Clock, Instant, micros_since_base},
};

impl Tenant {
    /// Returns the microseconds since the circuit was made.
    pub(crate) fn now(&self, settings: &Settings) -> u64 {
        self.now_by(&settings.clock)
    }

    /// Returns the same as `now`. Doesn't load the settings if the circuit's clock is tokio's.
    pub(crate) fn now_fast(&self) -> u64 {
        if self.core.flags().uses_tokio_clock() {
            self.now_by(&Clock::default())
        } else {
            self.now(&self.settings.load())
        }
    }

    /// How long calls have been failing now. Reads the clock only if they have been.
    #[inline]
    pub(crate) fn failing_for(&self, settings: &Settings, since: Option<FailingSince>) -> Option<Duration> {
        since.map(|since| Duration::from_micros(since.elapsed(self.now(settings))))
    }

    /// Converts an instant that `clock` returned recently into microseconds since the circuit was
    /// made.
    #[cfg(feature = "keyed")]
    pub(crate) fn time_at(&self, instant: Instant, clock: &Clock) -> u64 {
        let read_already = std::cell::Cell::new(Some(instant));
        self.micros_since_start(|| read_already.take().unwrap_or_else(|| clock.now()))
    }

    fn now_by(&self, clock: &Clock) -> u64 {
        self.micros_since_start(|| clock.now())
    }

    #[inline]
    fn micros_since_start(&self, now: impl Fn() -> Instant) -> u64 {
        let read = || micros_since_base(now()).saturating_sub(self.epoch);
        self.set_back.correct::<1_000_000>(read, || self.core.set_epoch(self.effective_epoch()))
    }

    /// The start of the circuit's time, in microseconds since the base of the process. If the clock
    /// was set back, the start is earlier by the same amount.
    pub(super) fn effective_epoch(&self) -> i64 {
        self.epoch.saturating_sub(self.set_back.seconds().saturating_mul(1_000_000))
    }
}
