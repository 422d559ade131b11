use std::time::Duration;

use ::http::{
    HeaderMap, HeaderName, Method, Request,
    header::{AUTHORIZATION, COOKIE, RANGE, UPGRADE},
};
use ::http_body::Body;

use super::{cache_control::CacheControl, key::RequestKey};

/// How a request uses the store.
pub(super) enum Access {
    /// Not at all.
    Bypass,
    /// Its success removes the responses with these keys (RFC 9111, 4.4).
    Invalidate([String; 2]),
    Use(Lookup),
}

/// What decides whether a stored response is an answer to a request.
pub(super) struct Lookup {
    pub(super) key: String,
    pub(super) is_head: bool,
    /// The request has credentials that its key doesn't cover.
    pub(super) has_credentials: bool,
    /// The request's values of the headers that a `Vary` may name, in the order of the setting.
    pub(super) selecting: Vec<Option<Box<[u8]>>>,
    /// `no-cache`: the response is stored, but a stored one is no answer.
    pub(super) refuses_stored: bool,
    max_age: Option<Duration>,
    stale_if_error: Option<Duration>,
}

impl Access {
    pub(super) fn of<K, B>(request: &Request<B>, key: &K, vary_by: &[HeaderName]) -> Self
    where
        K: RequestKey<B>,
        B: Body,
    {
        let (method, headers) = (request.method(), request.headers());
        let is_head = *method == Method::HEAD;
        if !is_head && *method != Method::GET {
            if matches!(*method, Method::OPTIONS | Method::TRACE | Method::CONNECT) {
                return Self::Bypass;
            }
            let keys = |key: String| [store_key(false, &key), store_key(true, &key)];
            return key.key(request).map_or(Self::Bypass, |key| Self::Invalidate(keys(key)));
        }
        // The key doesn't cover a body, such as that of a search.
        let has_body = !request.body().is_end_stream() && request.body().size_hint().exact() != Some(0);
        let control = CacheControl::of(headers);
        if has_body || control.no_store || headers.contains_key(RANGE) || headers.contains_key(UPGRADE) {
            return Self::Bypass;
        }
        let Some(key) = key.key(request) else { return Self::Bypass };
        let has_credentials = headers.contains_key(AUTHORIZATION) || headers.contains_key(COOKIE);
        Self::Use(Lookup {
            key: store_key(is_head, &key),
            is_head,
            has_credentials: has_credentials && !K::COVERS_CREDENTIALS,
            selecting: vary_by.iter().map(|name| joined_values(headers, name)).collect(),
            refuses_stored: control.no_cache,
            max_age: control.max_age.map(Duration::from_secs),
            stale_if_error: control.stale_if_error.map(Duration::from_secs),
        })
    }
}

impl Lookup {
    /// The age up to which the request accepts a stored response that was fresh for `fresh_for`.
    pub(super) fn accepted_age(&self, fresh_for: Duration) -> Option<Duration> {
        match (self.max_age, self.stale_if_error) {
            (max_age, None) => max_age,
            (max_age, Some(stale_for)) => Some(max_age.unwrap_or(fresh_for).min(fresh_for).saturating_add(stale_for)),
        }
    }
}

/// HEAD and GET have different responses to the same target.
fn store_key(is_head: bool, key: &str) -> String {
    let method = if is_head { "HEAD" } else { "GET" };
    format!("{method} {key}")
}

/// The values of a header in one line, separated by commas (RFC 9110, 5.3). `None` if there are
/// none.
fn joined_values(headers: &HeaderMap, name: &HeaderName) -> Option<Box<[u8]>> {
    let mut values = headers.get_all(name).iter();
    let mut joined = values.next()?.as_bytes().to_vec();
    for value in values {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(value.as_bytes());
    }
    Some(joined.into_boxed_slice())
}
