//! What the method and the headers of a request say: whether it may be carried out twice, and what becomes of its connection.

use ::http::{HeaderMap, HeaderName, Method, Request, header};

/// Whether a request may be carried out twice.
///
/// | request | may be repeated |
/// |---|---|
/// | a method that [IANA's registry](https://www.iana.org/assignments/http-methods) marks safe: GET, HEAD, OPTIONS, TRACE, QUERY, PROPFIND, REPORT, SEARCH, PRI | yes |
/// | one that it marks idempotent: PUT, DELETE, and of WebDAV and its extensions all but LOCK | yes, without a precondition |
/// | any other: POST, PATCH, LOCK, CONNECT, methods that aren't registered | no |
/// | whatever the method, with an `Idempotency-Key` (IETF draft; an empty one is none), or a key that an [`IdempotencyKeyLayer`](super::IdempotencyKeyLayer) has set | yes |
///
/// A precondition is an `If-Match`, `If-None-Match`, `If-Unmodified-Since`, WebDAV's `If`, or Google Cloud Storage's
/// `x-goog-if-generation-match` and `x-goog-if-metageneration-match`. A write that has one isn't repeatable: if the first one took effect, the second one
/// is answered with 412 (Precondition Failed), and the caller takes its own write for that of another.
///
/// [`Statuses`](super::Statuses) calls it. A custom classifier is believed of any request, unless it calls it too:
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tower_recourse::{RetryConfig, Verdict, classify::{self, Idempotent}, http::{Statuses, is_idempotent}};
///
/// // This service says 200 when it means 503.
/// let busy = classify::outcomes(|outcome: Result<&Response<Full<Bytes>>, &std::io::Error>| {
///     outcome.ok()?.headers().contains_key("x-busy").then(Verdict::transient)
/// });
/// let judge = Idempotent::new(classify::first(busy).or(Statuses::default()), is_idempotent::<Full<Bytes>>);
/// let config = RetryConfig::http().classifier(judge);
/// # let _ = config;
/// ```
pub fn is_idempotent<B>(request: &Request<B>) -> bool {
    is_repeatable(request, true)
}

/// [`is_idempotent`], where a key counts only if it is trusted.
pub(super) fn is_repeatable<B>(request: &Request<B>, trusts_keys: bool) -> bool {
    let keyed = || trusts_keys && has_key(request);
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => true,
        Method::PUT | Method::DELETE => !has_precondition(request.headers()) || keyed(),
        Method::POST | Method::PATCH | Method::CONNECT => keyed(),
        ref other => match registered(other.as_str()) {
            Registered::Safe => true,
            Registered::Idempotent => !has_precondition(request.headers()) || keyed(),
            Registered::No => keyed(),
        },
    }
}

enum Registered {
    Safe,
    Idempotent,
    No,
}

/// The other methods, as IANA's registry has them.
fn registered(method: &str) -> Registered {
    match method {
        "PRI" | "PROPFIND" | "QUERY" | "REPORT" | "SEARCH" => Registered::Safe,
        "ACL" | "BASELINE-CONTROL" | "BIND" | "CHECKIN" | "CHECKOUT" | "COPY" | "LABEL" | "LINK" | "MERGE"
        | "MKACTIVITY" | "MKCALENDAR" | "MKCOL" | "MKREDIRECTREF" | "MKWORKSPACE" | "MOVE" | "ORDERPATCH"
        | "PROPPATCH" | "REBIND" | "UNBIND" | "UNCHECKOUT" | "UNLINK" | "UNLOCK" | "UPDATE" | "UPDATEREDIRECTREF"
        | "VERSION-CONTROL" => Registered::Idempotent,
        _ => Registered::No,
    }
}

pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const EARLY_DATA: HeaderName = HeaderName::from_static("early-data");

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

/// A request that has an idempotency key in a header of another name: an extension.
#[derive(Debug, Clone, Copy)]
pub(super) struct HasKey;

fn has_key<B>(request: &Request<B>) -> bool {
    has_key_in(request.headers(), &KEY) || request.extensions().get::<HasKey>().is_some()
}

/// Whether this header has a key. An empty one, or an empty string, is none.
pub(super) fn has_key_in(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get(name).is_some_and(|key| !matches!(key.as_bytes(), b"" | b"\"\""))
}

/// Whether the request was received in early data, and is forwarded: then the client repeats it
/// ([RFC 8470, 5.2](https://www.rfc-editor.org/rfc/rfc8470#section-5.2)).
pub(super) fn was_in_early_data(headers: &HeaderMap) -> bool {
    headers.contains_key(EARLY_DATA)
}

/// Whether the connection is to become something else: then what follows isn't a request and its answer.
pub(super) fn upgrades<B>(request: &Request<B>) -> bool {
    request.method() == Method::CONNECT || request.headers().contains_key(header::UPGRADE)
}
