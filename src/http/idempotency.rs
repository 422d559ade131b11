//! Whether a request is idempotent, by its method and headers.

use ::http::{HeaderMap, HeaderName, Method, Request, header};

use super::message::RequestHead;

/// Whether a request is idempotent: executing it twice has the same effect as executing it once.
///
/// | request | idempotent |
/// |---|---|
/// | a method that [IANA's registry](https://www.iana.org/assignments/http-methods) lists as safe: GET, HEAD, OPTIONS, TRACE, QUERY, PROPFIND, REPORT, SEARCH, PRI | yes |
/// | a method that it lists as idempotent: PUT, DELETE, and the methods of WebDAV and its extensions except LOCK | yes, without a precondition |
/// | any other method: POST, PATCH, LOCK, CONNECT, unregistered methods | no |
/// | any method, with a non-empty `Idempotency-Key` (IETF draft), or with a key that an [`IdempotencyKeyLayer`](super::IdempotencyKeyLayer) has set | yes |
///
/// A precondition is `If-Match`, `If-None-Match`, `If-Unmodified-Since`, WebDAV's `If`, or Google
/// Cloud Storage's `x-goog-if-generation-match` and `x-goog-if-metageneration-match`. A write with
/// a precondition isn't idempotent: if the first attempt took effect, the second gets a 412
/// (Precondition Failed), and the caller concludes that another client has changed the resource.
///
/// [`StatusClassifier`](super::StatusClassifier) calls this function. The verdict of a custom
/// classifier applies to any request, unless the classifier calls it too:
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tower_recourse::{RetryConfig, Verdict, classify::{self, IdempotencyCheck}, http::{StatusClassifier, is_idempotent}};
///
/// // This service answers 200 with a header where 503 is meant.
/// let busy = classify::outcomes(|outcome: Result<&Response<Full<Bytes>>, &std::io::Error>| {
///     outcome.ok()?.headers().contains_key("x-busy").then(Verdict::transient)
/// });
/// let classifier = IdempotencyCheck::new(classify::first(busy).or(StatusClassifier::default()), is_idempotent::<Full<Bytes>>);
/// let config = RetryConfig::http().classifier(classifier);
/// # let _ = config;
/// ```
pub fn is_idempotent<B>(request: &Request<B>) -> bool {
    is_repeatable(request, true)
}

/// [`is_idempotent`], but a key counts only if `trusts_keys`.
pub(crate) fn is_repeatable(request: &impl RequestHead, trusts_keys: bool) -> bool {
    let keyed = || trusts_keys && has_key(request);
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => true,
        Method::PUT | Method::DELETE => !has_precondition(request.headers()) || keyed(),
        Method::POST | Method::PATCH | Method::CONNECT => keyed(),
        ref other => match registered_as(other.as_str()) {
            Registered::Safe => true,
            Registered::Idempotent => !has_precondition(request.headers()) || keyed(),
            Registered::Neither => keyed(),
        },
    }
}

enum Registered {
    Safe,
    Idempotent,
    Neither,
}

/// How IANA's registry lists a method. Covers the methods that `is_repeatable` doesn't match
/// itself.
fn registered_as(method: &str) -> Registered {
    match method {
        "PRI" | "PROPFIND" | "QUERY" | "REPORT" | "SEARCH" => Registered::Safe,
        "ACL" | "BASELINE-CONTROL" | "BIND" | "CHECKIN" | "CHECKOUT" | "COPY" | "LABEL" | "LINK" | "MERGE"
        | "MKACTIVITY" | "MKCALENDAR" | "MKCOL" | "MKREDIRECTREF" | "MKWORKSPACE" | "MOVE" | "ORDERPATCH"
        | "PROPPATCH" | "REBIND" | "UNBIND" | "UNCHECKOUT" | "UNLINK" | "UNLOCK" | "UPDATE" | "UPDATEREDIRECTREF"
        | "VERSION-CONTROL" => Registered::Idempotent,
        _ => Registered::Neither,
    }
}

/// The header of the IETF draft.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

const PRECONDITIONS: [HeaderName; 6] = [
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_UNMODIFIED_SINCE,
    HeaderName::from_static("if"),
    HeaderName::from_static("x-goog-if-generation-match"),
    HeaderName::from_static("x-goog-if-metageneration-match"),
];

fn has_precondition(headers: &HeaderMap) -> bool {
    !headers.is_empty() && PRECONDITIONS.iter().any(|name| headers.contains_key(name))
}

/// Request extension: the request has an idempotency key in a header other than `Idempotency-Key`.
#[derive(Debug, Clone, Copy)]
pub(super) struct HasKey;

fn has_key(request: &impl RequestHead) -> bool {
    has_key_in_header(request.headers(), &IDEMPOTENCY_KEY) || request.extension::<HasKey>().is_some()
}

/// Whether this header has a key. An empty value or an empty quoted string counts as no key.
pub(super) fn has_key_in_header(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get(name).is_some_and(|key| !matches!(key.as_bytes(), b"" | b"\"\""))
}
