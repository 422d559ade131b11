//! Corrects a clock that was set back. A paused tokio runtime that was advanced sets tokio's clock
//! back when it ends.

use std::sync::atomic::{AtomicU32, Ordering};

/// Corrects the time since a start. If the clock is set back, the corrected time continues from the
/// latest second that was read. It neither stops nor runs backwards by more than two seconds.
#[derive(Debug, Default)]
pub(crate) struct SetBack {
    /// The latest second that was read. Written once per second.
    latest: AtomicU32,
    /// By how many seconds the clock was set back.
    seconds: AtomicU32,
}

// Relaxed: the words order no other memory.
impl SetBack {
    pub(crate) const fn new() -> Self {
        Self { latest: AtomicU32::new(0), seconds: AtomicU32::new(0) }
    }

    /// The time since the start. `read` returns the clock's time, which is negative before the
    /// start; a second has `UNITS` units. `moved` is called when the clock was set back.
    #[inline]
    pub(crate) fn correct<const UNITS: i64>(&self, read: impl Fn() -> i64, moved: impl FnOnce()) -> u64 {
        let time = read();
        let is_latest = time / UNITS == i64::from(self.latest.load(Ordering::Relaxed));
        if time >= 0 && is_latest && self.seconds.load(Ordering::Relaxed) == 0 {
            time as u64
        } else {
            self.correct_in_another_second(UNITS, &read, moved)
        }
    }

    #[cold]
    fn correct_in_another_second(&self, units: i64, read: &dyn Fn() -> i64, moved: impl FnOnce()) -> u64 {
        let latest = i64::from(self.latest.load(Ordering::Relaxed));
        // Read again after `latest` was loaded. Otherwise a thread that slept after it had read the
        // clock would seem to have a clock that was set back.
        let time = read();
        let corrected = || time.saturating_add(self.seconds().saturating_mul(units));
        let second = corrected().div_euclid(units);
        if second >= 0 && second + 1 >= latest {
            self.latest.fetch_max(saturated(second), Ordering::Relaxed);
            return corrected() as u64;
        }
        self.seconds.fetch_max(saturated(latest - time.div_euclid(units)), Ordering::Relaxed);
        moved();
        corrected().max(0) as u64
    }

    /// By how many seconds the clock was set back since the start.
    pub(crate) fn seconds(&self) -> i64 {
        self.seconds.load(Ordering::Relaxed).into()
    }
}

/// Saturates at 136 years.
fn saturated(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROS: i64 = 1_000_000;
    const DAY: i64 = 86_400 * MICROS;

    /// The corrected time, and whether the clock was found to be set back.
    fn correct(set_back: &SetBack, time: i64) -> (i64, bool) {
        let mut moved = false;
        (set_back.correct::<MICROS>(|| time, || moved = true) as i64, moved)
    }

    #[test]
    fn time_continues_from_the_latest_second_after_a_set_back() {
        let set_back = SetBack::new();
        for time in [0, 5, MICROS, 30 * DAY + 7, 30 * DAY + 6] {
            assert_eq!(correct(&set_back, time), (time, false));
        }
        assert_eq!(correct(&set_back, 3), (30 * DAY + 3, true));
        assert_eq!(correct(&set_back, 40 * MICROS), (30 * DAY + 40 * MICROS, false));
        assert_eq!(set_back.seconds(), 30 * 86_400);
        assert_eq!(correct(&set_back, 2 * MICROS), (30 * DAY + 40 * MICROS, true), "set back again");
        assert_eq!(correct(&set_back, 50 * DAY), (80 * DAY + 38 * MICROS, false), "forward");
    }

    #[test]
    fn time_continues_after_a_set_back_to_before_the_start() {
        let set_back = SetBack::new();
        let (first, moved) = correct(&set_back, 3 - 30 * DAY);
        assert_eq!((first, moved), (3, true));
        assert_eq!(correct(&set_back, 3 - 29 * DAY), (DAY + 3, false));
    }

    #[test]
    fn a_clock_that_is_one_second_behind_was_not_set_back() {
        let set_back = SetBack::new();
        for time in [9 * MICROS, 8 * MICROS, 9 * MICROS + 5] {
            assert_eq!(correct(&set_back, time), (time, false));
        }
        assert_eq!(correct(&set_back, 7 * MICROS), (9 * MICROS, true));
    }

    #[test]
    fn times_far_in_the_past_and_future_are_corrected() {
        let set_back = SetBack::new();
        for time in [500 * 365 * DAY, i64::MAX - 1, i64::MAX] {
            assert_eq!(correct(&set_back, time), (time, false));
        }
        let (long_ago, _) = correct(&set_back, i64::MIN);
        let (later, _) = correct(&set_back, i64::MIN + DAY);
        assert!(long_ago >= 0 && later >= long_ago);
    }
}
