//! What the headers of a response say about another attempt: the delay, and whether to retry at
//! all.

use std::time::Duration;

use ::http::{HeaderMap, StatusCode, header::RETRY_AFTER};

use super::{
    header_time::{RemoteClock, parse_http_date, parse_number},
    rate_limit_headers,
};

/// The delay that the headers of a failed response ask for. The first source that can be parsed
/// counts, in this order: a delay in milliseconds, `Retry-After` (RFC 9110, 10.2.3), an exhausted
/// rate limit.
pub(crate) fn requested_delay(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if headers.is_empty() {
        return None;
    }
    let clock = RemoteClock::from_headers(headers);
    let throttled = status == StatusCode::TOO_MANY_REQUESTS;
    delay_in_milliseconds(headers)
        .or_else(|| retry_after(headers, clock))
        .or_else(|| rate_limit_headers::reset_in(headers, clock, throttled))
}

/// A delay in milliseconds takes precedence because it is more precise: services that send one also
/// send `Retry-After`, rounded up to seconds.
fn delay_in_milliseconds(headers: &HeaderMap) -> Option<Duration> {
    ["retry-after-ms", "x-ms-retry-after-ms"]
        .into_iter()
        .find_map(|name| parse_number(headers.get(name)?.to_str().ok()?.trim()))
        .map(Duration::from_millis)
}

/// Seconds, or a date; a date in the past means a delay of zero. Only the first header line counts.
fn retry_after(headers: &HeaderMap, clock: RemoteClock) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    parse_number(text).map(Duration::from_secs).or_else(|| parse_http_date(text).map(|date| clock.until(date)))
}

/// Whether the server asks for a retry, or asks not to retry.
pub(super) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    ["x-should-retry", "stripe-should-retry"].into_iter().find_map(|name| {
        let value = headers.get(name)?.as_bytes().trim_ascii();
        if value.eq_ignore_ascii_case(b"true") {
            return Some(true);
        }
        value.eq_ignore_ascii_case(b"false").then_some(false)
    })
}
