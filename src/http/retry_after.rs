//! How long a server asks to be left alone.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, header::RETRY_AFTER};

use crate::time::Wall;

/// What the headers of an answer ask for: `Retry-After` (RFC 9110, 10.2.3), or else the reset of a `RateLimit` (IETF draft
/// httpapi-ratelimit-headers) that has nothing left. What can't be read is ignored; the first `Retry-After` counts.
pub(super) fn asked(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER).and_then(|value| retry_after(value, Wall::now())).or_else(|| rate_limit(headers))
}

/// Seconds, or a date: one in the past means at once.
fn retry_after(value: &HeaderValue, now: Wall) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are more than anyone waits.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(now.until(date))
}

/// `RateLimit: "policy";r=0;t=7`: nothing remains, and more comes in 7 seconds. Of several that have nothing left, the latest.
fn rate_limit(headers: &HeaderMap) -> Option<Duration> {
    let lines: Vec<&str> =
        headers.get_all("ratelimit").iter().map(HeaderValue::to_str).collect::<Result<_, _>>().ok()?;
    if lines.is_empty() {
        return None;
    }
    let list: sfv::List = sfv::Parser::new(&lines.join(", ")).parse().ok()?;
    list.iter().filter_map(reset_of).max()
}

fn reset_of(entry: &sfv::ListEntry) -> Option<Duration> {
    let sfv::ListEntry::Item(item) = entry else { return None };
    let number = |key| item.params.get(sfv::KeyRef::from_str(key).ok()?)?.as_integer().map(i64::from);
    if number("r")? != 0 {
        return None;
    }
    number("t").and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
}
