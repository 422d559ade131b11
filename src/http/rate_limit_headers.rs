//! The time until an exhausted rate limit is reset.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue};

use super::header_time::{self, RemoteClock, parse_number};

/// The time until a used-up limit is reset. The first source with a result counts, in this order:
///
/// 1. `RateLimit: "policy";r=0;t=7`, the IETF draft, version 8 and later;
/// 2. `RateLimit: limit=100, remaining=0, reset=7`, version 7;
/// 3. pairs of headers: `RateLimit-Remaining` and `RateLimit-Reset` (versions 3 to 6), and the
///    equivalents with `X-`.
///
/// If several limits are exhausted, the latest reset counts. `throttled`: the status reports an
/// exceeded limit, so a reset counts even without a remaining count.
pub(super) fn reset_in(headers: &HeaderMap, clock: RemoteClock, throttled: bool) -> Option<Duration> {
    let lines: Option<Vec<&str>> =
        headers.get_all("ratelimit").iter().map(|line| HeaderValue::to_str(line).ok()).collect();
    let line = lines.filter(|lines| !lines.is_empty()).map(|lines| lines.join(", "));
    let structured = line.and_then(|line| from_list(&line).or_else(|| from_dictionary(&line)));
    structured.or_else(|| from_header_pairs(headers, clock, throttled))
}

fn from_list(line: &str) -> Option<Duration> {
    let list: sfv::List = sfv::Parser::new(line).parse().ok()?;
    list.iter().filter_map(from_item).max()
}

fn from_item(entry: &sfv::ListEntry) -> Option<Duration> {
    let sfv::ListEntry::Item(item) = entry else { return None };
    let number = |key| item.params.get(sfv::KeyRef::from_str(key).ok()?)?.as_integer().map(i64::from);
    if number("r")? != 0 {
        return None;
    }
    number("t").and_then(seconds)
}

fn from_dictionary(line: &str) -> Option<Duration> {
    let dictionary: sfv::Dictionary = sfv::Parser::new(line).parse().ok()?;
    let number = |key| match dictionary.get(sfv::KeyRef::from_str(key).ok()?)? {
        sfv::ListEntry::Item(item) => item.bare_item.as_integer().map(i64::from),
        sfv::ListEntry::InnerList(_) => None,
    };
    if number("remaining")? != 0 {
        return None;
    }
    number("reset").and_then(seconds)
}

fn seconds(number: i64) -> Option<Duration> {
    u64::try_from(number).ok().map(Duration::from_secs)
}

/// Headers for the remaining count and the reset time.
const HEADER_PAIRS: [(&str, &str); 5] = [
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
];

fn from_header_pairs(headers: &HeaderMap, clock: RemoteClock, throttled: bool) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let exhausted = |name: &str| match text(name) {
        Some(remaining) => parse_number(remaining) == Some(0),
        None => throttled && !headers.contains_key(name),
    };
    let resets = HEADER_PAIRS.iter().filter(|(remaining, _)| exhausted(remaining));
    resets.filter_map(|(_, reset)| header_time::parse_reset(text(reset)?, clock)).max()
}
