//! `grpc-timeout`: the time limit of a call, as a number of at most eight digits and a unit.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue};

pub(super) const TIMEOUT: &str = "grpc-timeout";

const MAX_NUMBER: u128 = 99_999_999;

/// Parses the header. `None` if there is none, or if it isn't valid.
pub(super) fn parse(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "n" => Duration::from_nanos(number),
        "u" => Duration::from_micros(number),
        "m" => Duration::from_millis(number),
        "S" => Duration::from_secs(number),
        "M" => Duration::from_secs(number * 60),
        "H" => Duration::from_secs(number * 3600),
        _ => return None,
    })
}

/// Formats a time in the finest unit that needs at most eight digits. Rounds down, so that the
/// server doesn't work longer than the client waits. At least 1 ns, because the specification
/// requires a positive number.
pub(super) fn format(time: Duration) -> HeaderValue {
    let nanos = time.as_nanos().max(1);
    let units = [(1, "n"), (1_000, "u"), (1_000_000, "m"), (1_000_000_000, "S"), (60_000_000_000, "M")];
    let fits = units.into_iter().map(|(unit, name)| (nanos / unit, name)).find(|&(number, _)| number <= MAX_NUMBER);
    let (number, unit) = fits.unwrap_or(((nanos / 3_600_000_000_000).min(MAX_NUMBER), "H"));
    HeaderValue::try_from(format!("{number}{unit}")).expect("digits and a letter are a valid header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_parsed() {
        for (text, nanos) in [
            ("1n", Some(1)),
            ("99999999u", Some(99_999_999_000)),
            ("250m", Some(250_000_000)),
            ("0S", Some(0)),
            ("2M", Some(120_000_000_000)),
            ("1H", Some(3_600_000_000_000)),
            ("123456789n", None),
            ("n", None),
            ("", None),
            ("1", None),
            ("-1S", None),
            ("+1S", None),
            ("1s", None),
            ("1.5S", None),
        ] {
            let headers = HeaderMap::from_iter([(TIMEOUT.parse().unwrap(), text.parse().unwrap())]);
            assert_eq!(parse(&headers), nanos.map(Duration::from_nanos), "{text:?}");
        }
    }

    #[test]
    fn timeouts_are_written_in_the_finest_unit() {
        for (time, text) in [
            (Duration::ZERO, "1n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_999), "100000u"),
            (Duration::from_secs(1), "1000000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_secs(86_400), "86400000m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(100_000_000), "1666666M"),
            (Duration::from_secs(6_000_000_000), "1666666H"),
            (Duration::MAX, "99999999H"),
        ] {
            assert_eq!(format(time), text, "{time:?}");
        }
    }
}
