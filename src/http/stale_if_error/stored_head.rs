use std::time::Duration;

use ::http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version,
    header::{
        AGE, CONNECTION, DATE, EXPIRES, PROXY_AUTHENTICATE, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
    },
};

use super::{access::Lookup, cache_control::CacheControl};
use crate::http::header_time::{parse_http_date, parse_number};

/// The head of a stored response, and the conditions under which it is an answer.
#[derive(Debug)]
pub(super) struct StoredHead {
    pub(super) version: Version,
    /// Without the headers of the connection.
    pub(super) headers: HeaderMap,
    /// The response's own `Age`.
    pub(super) initial_age: Duration,
    /// The time during which the response is fresh. Zero if it doesn't state one.
    pub(super) fresh_for: Duration,
    /// The age up to which the response may be served. `None` if it states no limit.
    pub(super) usable_for: Option<Duration>,
    /// A shared cache may store it for requests with credentials.
    pub(super) is_public: bool,
    /// The values of the request's headers that `Vary` names, by their place in the setting.
    pub(super) selecting: Selecting,
}

type Selecting = Vec<(usize, Option<Box<[u8]>>)>;

impl StoredHead {
    /// The head of a response to this request. `None` if it must not be stored.
    pub(super) fn of<B>(response: &Response<B>, lookup: &Lookup, vary_by: &[HeaderName]) -> Option<Self> {
        let headers = response.headers();
        let control = CacheControl::of(headers);
        let is_storable = response.status() == StatusCode::OK
            && !(control.no_store || control.no_cache || control.private)
            && (control.public || !lookup.has_credentials)
            && !headers.contains_key(SET_COOKIE);
        if !is_storable {
            return None;
        }
        let fresh_for = fresh_for(headers, control);
        let usable_for = match control.stale_if_error.map(Duration::from_secs) {
            _ if control.must_revalidate => Some(fresh_for),
            Some(stale_for) => Some(fresh_for.saturating_add(stale_for)),
            None => None,
        };
        let initial_age = age(headers);
        if usable_for.is_some_and(|limit| limit <= initial_age) {
            return None;
        }
        let selecting = selecting(headers, lookup, vary_by)?;
        Some(Self {
            version: response.version(),
            headers: end_to_end(headers),
            initial_age,
            fresh_for,
            usable_for,
            is_public: control.public,
            selecting,
        })
    }

    /// The memory that the head takes, approximately.
    pub(super) fn weight(&self) -> usize {
        const PER_HEADER: usize = 64;
        let headers = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + PER_HEADER);
        let selecting = self.selecting.iter().map(|(_, value)| value.as_ref().map_or(0, |value| value.len()));
        size_of::<Self>() + headers.sum::<usize>() + selecting.sum::<usize>()
    }
}

/// The freshness lifetime (RFC 9111, 4.2.1).
fn fresh_for(headers: &HeaderMap, control: CacheControl) -> Duration {
    if let Some(seconds) = control.s_maxage.or(control.max_age) {
        return Duration::from_secs(seconds);
    }
    let date = |name| headers.get(name)?.to_str().ok().and_then(parse_http_date);
    match (date(DATE), date(EXPIRES)) {
        (Some(date), Some(expires)) => date.until(expires),
        _ => Duration::ZERO,
    }
}

/// The `Age` of the response. An age that can't be parsed is the maximum.
fn age(headers: &HeaderMap) -> Duration {
    let seconds = |value: &HeaderValue| value.to_str().ok().and_then(|text| parse_number(text.trim()));
    let ages = headers.get_all(AGE).iter().map(|value| seconds(value).unwrap_or(u64::MAX));
    Duration::from_secs(ages.max().unwrap_or(0))
}

/// The request's values of the headers that `Vary` names. `None` if it names another header.
fn selecting(headers: &HeaderMap, lookup: &Lookup, vary_by: &[HeaderName]) -> Option<Selecting> {
    let mut selecting = Selecting::new();
    for value in headers.get_all(VARY) {
        for name in value.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let place = vary_by.iter().position(|known| known.as_str().eq_ignore_ascii_case(name))?;
            selecting.push((place, lookup.selecting[place].clone()));
        }
    }
    Some(selecting)
}

/// The headers without those of the connection (RFC 9110, 7.6.1). The values are copied, because
/// the originals may keep a large buffer of the connection in memory.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    const HOP_BY_HOP: [HeaderName; 7] = [
        CONNECTION,
        HeaderName::from_static("keep-alive"),
        PROXY_AUTHENTICATE,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    let named = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<&str> = named.flat_map(|names| names.split(',').map(str::trim)).collect();
    let is_hop_by_hop = |name: &HeaderName| {
        HOP_BY_HOP.contains(name)
            || name.as_str() == "proxy-connection"
            || named.iter().any(|named| name.as_str().eq_ignore_ascii_case(named))
    };
    let copy = |value: &HeaderValue| {
        let mut copy = HeaderValue::from_bytes(value.as_bytes()).expect("it was a valid value before");
        copy.set_sensitive(value.is_sensitive());
        copy
    };
    headers.iter().filter(|(name, _)| !is_hop_by_hop(name)).map(|(name, value)| (name.clone(), copy(value))).collect()
}
