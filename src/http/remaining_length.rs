//! How many bytes of a response body are still to come.

use ::http::{Response, header::CONTENT_LENGTH};
use ::http_body::{Body, Frame};
use bytes::Buf;

/// The number of bytes that are still to come, if the response announces its length.
///
/// The end of a body doesn't prove that it is complete: hyper reports an HTTP/2 stream that the
/// server resets with `NO_ERROR` as ended, even if bytes are missing.
///
/// The exact size hint of the body takes precedence over `Content-Length`, because a layer that
/// replaces the body may leave the old header in place.
#[derive(Debug, Clone, Copy)]
pub(super) struct RemainingLength(Option<u64>);

impl RemainingLength {
    /// Call it only for responses that may have a body: see [`message_body`](super::message_body).
    pub(super) fn of<B: Body>(response: &Response<B>) -> Self {
        let by_header = || response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        Self(response.body().size_hint().exact().or_else(by_header))
    }

    /// For a body whose length doesn't matter.
    pub(super) const fn unknown() -> Self {
        Self(None)
    }

    /// Subtracts the length of a received frame.
    pub(super) fn subtract<D: Buf>(&mut self, frame: &Frame<D>) {
        if let (Some(left), Some(data)) = (&mut self.0, frame.data_ref()) {
            *left = left.saturating_sub(data.remaining() as u64);
        }
    }

    /// Whether all announced bytes have been received. `false` if no length was announced.
    pub(super) fn is_complete(self) -> bool {
        self.0 == Some(0)
    }

    /// Whether bytes would be missing if the body ended now.
    pub(super) fn is_incomplete(self) -> bool {
        self.0.is_some_and(|left| left > 0)
    }
}
