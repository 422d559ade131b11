//! What a request's method and headers say of it: whether it may be carried out twice, and what becomes of its connection.

use ::http::{HeaderMap, Method, Request, header};

/// The methods that are idempotent by RFC 9110, 9.2.2, and requests that say so themselves (`Idempotency-Key`, IETF draft; an
/// empty one is none).
pub(super) fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    let by_method =
        matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE);
    by_method || headers.get("idempotency-key").is_some_and(|key| !matches!(key.as_bytes(), b"" | b"\"\""))
}

/// Whether the connection is to become something else: then what follows isn't a request and its answer.
pub(super) fn upgrades<B>(request: &Request<B>) -> bool {
    request.method() == Method::CONNECT || request.headers().contains_key(header::UPGRADE)
}
