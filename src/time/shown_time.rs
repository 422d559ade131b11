//! Durations as texts for people show them.

use std::{fmt, time::Duration};

/// Shows about three digits: `1.204s`, `12.3ms`, `2h3m4s`. Go's `ParseDuration` reads this format,
/// and so does Loki.
#[derive(Clone, Copy)]
pub(crate) struct ShownTime(pub(crate) Duration);

impl fmt::Display for ShownTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = rounded(self.0);
        let seconds = time.as_secs();
        if seconds < 60 {
            return write!(f, "{time:?}");
        }
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        for (number, unit) in [(hours, 'h'), (minutes, 'm'), (seconds, 's')] {
            if number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

/// As `Display`, because a field of a log is often shown by `Debug`.
impl fmt::Debug for ShownTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Rounds to three digits, but to milliseconds from 1 s on, and to seconds from 1 min on.
fn rounded(time: Duration) -> Duration {
    let step: u64 = match time.as_nanos() {
        0..1_000 => 1,
        1_000..10_000 => 10,
        10_000..100_000 => 100,
        100_000..1_000_000 => 1_000,
        1_000_000..10_000_000 => 10_000,
        10_000_000..100_000_000 => 100_000,
        100_000_000..60_000_000_000 => 1_000_000,
        _ => 1_000_000_000,
    };
    let excess = u64::from(time.subsec_nanos()) % step;
    let below = time - Duration::from_nanos(excess);
    if excess * 2 >= step { below.saturating_add(Duration::from_nanos(step)) } else { below }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_with_about_three_digits() {
        let micros = Duration::from_micros;
        for (time, shown) in [
            (Duration::ZERO, "0ns"),
            (Duration::from_nanos(7), "7ns"),
            (Duration::from_nanos(1_234), "1.23µs"),
            (micros(16), "16µs"),
            (micros(1_234), "1.23ms"),
            (micros(12_345), "12.3ms"),
            (micros(123_456), "123ms"),
            (micros(999_500), "1s"),
            (Duration::from_nanos(1_204_381_729), "1.204s"),
            (Duration::from_nanos(29_999_612_000), "30s"),
            (micros(59_999_900), "1m"),
            (Duration::from_secs(95), "1m35s"),
            (Duration::from_millis(3_600_499), "1h"),
            (Duration::from_secs(7_384), "2h3m4s"),
        ] {
            assert_eq!(format!("{:?}", ShownTime(time)), shown, "{time:?}");
        }
        assert!(format!("{:?}", ShownTime(Duration::MAX)).ends_with('s'), "no overflow");
    }
}
