//! Times and durations in response headers, relative to the server's clock.

use std::time::Duration;

use ::http::{HeaderMap, header};

use crate::time::Wall;

/// The server's clock when the response was received: its `Date`, plus the `Age` that caches have
/// added. Falls back to the local clock if the response has no `Date` that can be parsed. The
/// server's dates are compared with the server's clock, so a difference from the local clock has no
/// effect.
#[derive(Debug, Clone, Copy)]
pub(super) struct RemoteClock {
    now: Wall,
}

impl RemoteClock {
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
        let Some(date) = text(header::DATE).and_then(parse_http_date) else { return Self { now: Wall::now() } };
        let age = text(header::AGE).and_then(parse_number).unwrap_or_default();
        Self { now: date.later_by(Duration::from_secs(age)) }
    }

    /// The time until a date of the server; zero if it has passed.
    pub(super) fn until(self, date: Wall) -> Duration {
        self.now.until(date)
    }
}

/// Parses a number without sign or fraction. A number that doesn't fit becomes `u64::MAX`.
pub(super) fn parse_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Parses a date in one of HTTP's three formats.
pub(super) fn parse_http_date(text: &str) -> Option<Wall> {
    httpdate::parse_http_date(text).ok().map(Wall::from)
}

/// Parses the time until a rate limit is reset, in the notations that servers use:
///
/// | value | meaning |
/// |---|---|
/// | below 10⁹ | seconds from now |
/// | below 10¹¹ | seconds since 1970 |
/// | below 10¹⁴ | milliseconds since 1970 |
/// | an HTTP or RFC 3339 date | that date |
/// | `1h2m3.5s`, `120ms` | a duration |
///
/// Anything else is ignored: negative and fractional numbers, larger numbers without a unit, text.
pub(super) fn parse_reset(text: &str, clock: RemoteClock) -> Option<Duration> {
    const SECONDS_SINCE_1970: u64 = 1_000_000_000;
    const MILLIS_SINCE_1970: u64 = 100_000_000_000;
    const NEITHER: u64 = 100_000_000_000_000;

    if let Some(number) = parse_number(text) {
        return match number {
            0..SECONDS_SINCE_1970 => Some(Duration::from_secs(number)),
            SECONDS_SINCE_1970..MILLIS_SINCE_1970 => Some(clock.until(Wall::from_unix_millis(number * 1_000))),
            MILLIS_SINCE_1970..NEITHER => Some(clock.until(Wall::from_unix_millis(number))),
            _ => None,
        };
    }
    parse_http_date(text).or_else(|| parse_rfc3339(text)).map(|date| clock.until(date)).or_else(|| parse_duration(text))
}

/// Parses a duration in Go's notation: numbers with units, optionally with a fraction.
fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 8] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("ms", 1_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("us", 1_000),
        ("µs", 1_000),
        ("ns", 1),
    ];
    let mut rest = text;
    let mut nanos = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let (unit, in_nanos) = UNITS.into_iter().find(|(unit, _)| after.starts_with(unit))?;
        let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, part)| (whole, Some(part)));
        nanos = nanos.saturating_add(parse_number(whole)?.saturating_mul(in_nanos));
        if let Some(fraction) = fraction {
            nanos = nanos.saturating_add(fraction_of(in_nanos, fraction)?);
        }
        rest = &after[unit.len()..];
    }
    (!text.is_empty()).then(|| Duration::from_nanos(nanos))
}

/// Nanoseconds of a fraction of a unit. Digits beyond the ninth are ignored.
fn fraction_of(nanos: u64, digits: &str) -> Option<u64> {
    parse_number(digits)?;
    let mut unit = nanos;
    Some(digits.bytes().take(9).fold(0, |sum, digit| {
        unit /= 10;
        sum + u64::from(digit - b'0') * unit
    }))
}

/// Parses `2026-11-29T14:00:00Z`, also with an offset from UTC, or with a fraction, which is
/// ignored.
fn parse_rfc3339(text: &str) -> Option<Wall> {
    let number = |from: usize, to: usize| text.get(from..to).and_then(parse_number);
    let sign_at =
        |place: usize, signs: &str| text.as_bytes().get(place).is_some_and(|&c| signs.contains(char::from(c)));
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let separated = sign_at(4, "-") && sign_at(7, "-") && sign_at(10, "Tt ") && sign_at(13, ":") && sign_at(16, ":");
    let real = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !separated || !real {
        return None;
    }
    let after = text.get(19..)?;
    let zone = match after.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => after,
    };
    let seconds = days_since_1970(year, month, day) * 86_400 + to_i64(hour * 3_600 + minute * 60 + second);
    let utc = seconds.checked_sub(parse_offset(zone)?)?;
    Some(Wall::from_unix_millis(u64::try_from(utc).unwrap_or_default().saturating_mul(1_000)))
}

/// Parses `Z`, or an offset such as `+01:00`, as seconds.
fn parse_offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (east, time) = match zone.split_at_checked(1)? {
        ("+", time) => (1, time),
        ("-", time) => (-1, time),
        _ => return None,
    };
    let (hours, minutes) = time.split_once(':')?;
    let (hours, minutes) = (parse_number(hours)?, parse_number(minutes)?);
    (hours < 24 && minutes < 60).then(|| east * to_i64(hours * 3_600 + minutes * 60))
}

/// Days in the Gregorian calendar. The year starts in March here, so that the leap day is its last
/// day.
fn days_since_1970(year: u64, month: u64, day: u64) -> i64 {
    let year = if month <= 2 { to_i64(year) - 1 } else { to_i64(year) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * to_i64((month + 9) % 12) + 2) / 5 + to_i64(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Converts a number of at most five digits, which always fits.
fn to_i64(small: u64) -> i64 {
    i64::try_from(small).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_dates_equal_http_dates() {
        for (text, same) in [
            ("1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("2000-02-29T12:34:56Z", "Tue, 29 Feb 2000 12:34:56 GMT"),
            ("2026-11-29t14:00:00.999z", "Sun, 29 Nov 2026 14:00:00 GMT"),
            ("2026-11-29 14:00:00+01:30", "Sun, 29 Nov 2026 12:30:00 GMT"),
            ("2026-12-31T23:00:00-02:00", "Fri, 01 Jan 2027 01:00:00 GMT"),
            ("9999-12-31T23:59:59Z", "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(parse_rfc3339(text), Some(parse_http_date(same).unwrap()), "{text}");
        }
        for text in [
            "2026-13-01T00:00:00Z",
            "2026-11-29",
            "2026-11-29T14:00:00",
            "2026-11-29T14:00:00+1",
            "-026-11-29T14:00:00Z",
            "",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_parsed_with_their_units() {
        for (text, nanos) in [
            ("1h2m3.5s", 3_723_500_000_000),
            ("120ms", 120_000_000),
            ("8.64s", 8_640_000_000),
            ("1d", 86_400_000_000_000),
            ("5µs", 5_000),
            ("0s", 0),
            ("99999999999999999999h", u64::MAX),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "1", "1.5", "-1s", "s", "1.2.3s", "1.s", "1x", "1s2", "one s", ".5s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
