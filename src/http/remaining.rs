//! How much of a response's body is still to come.

use ::http::{Method, Request, Response, StatusCode, header::CONTENT_LENGTH};
use ::http_body::{Body, Frame};
use bytes::Buf;

/// The number of bytes of a body that are still to come, if the response announces its length.
///
/// The end of a body isn't enough to know that all of it has come: hyper reports an HTTP/2 stream that
/// the server resets with `NO_ERROR` as ended, however much of it is missing.
///
/// The length is the one that the body itself announces, or else `Content-Length`: a layer that replaces
/// the body may leave the header behind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remaining(Option<u64>);

impl Remaining {
    /// Of a response whose body may come, see [`may_have_body`] and [`expects_body`].
    pub(super) fn of<B: Body>(response: &Response<B>) -> Self {
        let by_header = || response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        Self(response.body().size_hint().exact().or_else(by_header))
    }

    /// Of a body of which nothing is expected.
    pub(super) const fn unknown() -> Self {
        Self(None)
    }

    /// Counts a frame that has come.
    pub(super) fn count<D: Buf>(&mut self, frame: &Frame<D>) {
        if let (Some(left), Some(data)) = (&mut self.0, frame.data_ref()) {
            *left = left.saturating_sub(data.remaining() as u64);
        }
    }

    /// Whether all has come that was announced. `false` if nothing was.
    pub(super) fn is_complete(self) -> bool {
        self.0 == Some(0)
    }

    /// Whether some of it is missing if nothing more comes.
    pub(super) fn is_incomplete(self) -> bool {
        self.0.is_some_and(|left| left > 0)
    }
}

/// Whether a request is answered with a body at all: HEAD is answered with the head of one, and a
/// response to CONNECT with a connection (RFC 9110, 6.4.1).
pub(super) fn expects_body<B>(request: &Request<B>) -> bool {
    !matches!(*request.method(), Method::HEAD | Method::CONNECT)
}

/// Whether a response with this status may have a body, whatever its headers say (RFC 9110, 6.4.1).
pub(super) fn may_have_body(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}
