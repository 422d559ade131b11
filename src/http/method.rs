//! Whether a request may be carried out twice.

use ::http::{HeaderMap, Method};

/// The methods that are idempotent by RFC 9110, 9.2.2, and requests that say so themselves (`Idempotency-Key`, IETF draft).
pub(super) fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    let by_method =
        matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::PUT | Method::DELETE);
    by_method || headers.contains_key("idempotency-key")
}
