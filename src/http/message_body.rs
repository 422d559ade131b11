//! Which messages have a body, and which requests switch their connection to another protocol.

use ::http::{Method, Request, StatusCode, header};

use super::message::RequestHead;

/// Whether the request asks to switch its connection to a tunnel or another protocol.
pub(crate) fn is_upgrade(request: &impl RequestHead) -> bool {
    *request.method() == Method::CONNECT || request.headers().contains_key(header::UPGRADE)
}

/// Whether the response to this request has a body: the response to HEAD has none, and the response
/// to CONNECT is followed by a tunnel (RFC 9110, 6.4.1).
pub(super) fn expects_body<B>(request: &Request<B>) -> bool {
    !matches!(*request.method(), Method::HEAD | Method::CONNECT)
}

/// Whether a response with this status may have a body, whatever its headers announce
/// (RFC 9110, 6.4.1).
pub(super) fn may_have_body(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}
