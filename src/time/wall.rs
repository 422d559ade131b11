//! Wall clock time, only for dates that are read or written. The wall clock may be changed by years
//! at any moment.
#![allow(clippy::disallowed_types, reason = "the one place that reads it")]

#[cfg(any(feature = "audit", feature = "store"))]
use std::fmt;
#[cfg(any(feature = "http", feature = "store"))]
use std::time::Duration;
use std::time::SystemTime;

/// A date with milliseconds. It is shown in UTC and RFC 3339: `2026-11-22T19:19:12.345Z`. Dates
/// before 1970 and after 9999 become the first or the last date in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wall {
    millis: u64,
}

impl Wall {
    const LATEST: u64 = 253_402_300_799_999;

    pub(crate) fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// The time since an earlier date; zero if `earlier` is later, because the clock was set back.
    #[cfg(feature = "store")]
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis.saturating_sub(earlier.millis))
    }

    /// The date this many milliseconds after the start of 1970.
    #[cfg(feature = "http")]
    pub(crate) fn from_unix_millis(millis: u64) -> Self {
        Self { millis: millis.min(Self::LATEST) }
    }

    /// The date this long after `self`.
    #[cfg(feature = "http")]
    pub(crate) fn later_by(self, time: Duration) -> Self {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self::from_unix_millis(self.millis.saturating_add(time))
    }

    /// The time until a date; zero if it has passed.
    #[cfg(feature = "http")]
    pub(crate) fn until(self, date: Self) -> Duration {
        Duration::from_millis(date.millis.saturating_sub(self.millis))
    }
}

#[cfg(feature = "store")]
impl serde::Serialize for Wall {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "store")]
impl<'de> serde::Deserialize<'de> for Wall {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        humantime::parse_rfc3339(&text).map(Self::from).map_err(serde::de::Error::custom)
    }
}

impl From<SystemTime> for Wall {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { millis: u64::try_from(since.as_millis()).unwrap_or(u64::MAX).min(Self::LATEST) }
    }
}

#[cfg(any(feature = "audit", feature = "store"))]
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(self.millis);
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

#[cfg(all(test, any(feature = "audit", feature = "store")))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_date_is_shown_in_utc_with_milliseconds() {
        assert_eq!(Wall { millis: 0 }.to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Wall { millis: 1_709_210_096_007 }.to_string(), "2024-02-29T12:34:56.007Z");
        assert_eq!(Wall { millis: Wall::LATEST }.to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn dates_out_of_range_become_the_first_or_the_last() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Wall::from(before), Wall { millis: 0 });
        let after = SystemTime::UNIX_EPOCH + Duration::from_millis(Wall::LATEST + 1);
        assert_eq!(Wall::from(after).to_string(), "9999-12-31T23:59:59.999Z");
    }
}
