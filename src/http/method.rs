//! What a request's method and headers say of it: whether it may be carried out twice, and what becomes of its connection.

use ::http::{Method, Request, header};

/// Whether a request may be carried out twice: its method is idempotent by
/// [RFC 9110, 9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2), or it has an `Idempotency-Key` (IETF draft; an empty one is
/// none).
///
/// [`Statuses`](super::Statuses) asks it. What a classifier of one's own says is believed of any request, unless it asks too:
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
    let by_method = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE
    );
    let key = || request.headers().get("idempotency-key").map(|key| key.as_bytes());
    by_method || key().is_some_and(|key| !matches!(key, b"" | b"\"\""))
}

/// Whether the connection is to become something else: then what follows isn't a request and its answer.
pub(super) fn upgrades<B>(request: &Request<B>) -> bool {
    request.method() == Method::CONNECT || request.headers().contains_key(header::UPGRADE)
}
