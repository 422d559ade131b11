use std::time::Duration;

use ::http::{HeaderValue, Response, header::AGE};
use bytes::Bytes;

use super::{access::Lookup, stored_head::StoredHead};
use crate::{http::ResponseBody, time::Instant};

/// A complete response.
#[derive(Debug)]
pub(super) struct StoredResponse {
    pub(super) head: StoredHead,
    pub(super) body: Bytes,
    /// When the request was sent. The age counts from here, so that it includes the delay of the
    /// response (RFC 9111, 4.2.3).
    pub(super) requested_at: Instant,
}

/// The response is a stored one: `StaleIfErrorLayer` has answered in place of the service. An
/// extension of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredAnswer {
    /// The age of the response: the time since it was requested, and its own `Age`.
    pub age: Duration,
}

impl StoredResponse {
    /// The answer to a request. `None` if the response is too old for it, or is the answer to
    /// another one.
    pub(super) fn answer<B>(&self, lookup: &Lookup, max_age: Duration) -> Option<Response<ResponseBody<B>>> {
        let Self { head, body, requested_at } = self;
        let is_other = head.selecting.iter().any(|(place, value)| lookup.selecting.get(*place) != Some(value));
        if is_other || (lookup.has_credentials && !head.is_public) {
            return None;
        }
        let age = head.initial_age.saturating_add(requested_at.elapsed());
        let limits = [Some(max_age), head.usable_for, lookup.accepted_age(head.fresh_for)];
        if limits.into_iter().flatten().any(|limit| age > limit) {
            return None;
        }
        let mut response = Response::new(ResponseBody::from(body.clone()));
        *response.version_mut() = head.version;
        *response.headers_mut() = head.headers.clone();
        response.headers_mut().insert(AGE, HeaderValue::from(age.as_secs()));
        response.extensions_mut().insert(StoredAnswer { age });
        Some(response)
    }

    /// The memory that the response takes, approximately.
    pub(super) fn weight(&self, key: &str) -> u64 {
        (size_of::<Self>() + self.head.weight() + self.body.len() + key.len()) as u64
    }
}
