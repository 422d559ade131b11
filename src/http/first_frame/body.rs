use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use bytes::Buf;

use crate::http::size_hint::with_read;

/// A body whose first frame may already have been read. See the [module](super).
pub struct FirstFrameBody<B: Body> {
    first: Option<Result<Frame<B::Data>, B::Error>>,
    body: B,
    /// The body ended or failed before its first frame.
    is_over: bool,
    /// The body ended although the response announced more, so it must not look complete.
    is_incomplete: bool,
}

impl<B: Body> FirstFrameBody<B> {
    pub(super) fn not_awaited(body: B) -> Self {
        Self { first: None, body, is_over: false, is_incomplete: false }
    }

    pub(super) fn with(first: Option<Result<Frame<B::Data>, B::Error>>, body: B, is_incomplete: bool) -> Self {
        let is_over = !matches!(first, Some(Ok(_)));
        Self { first, body, is_over, is_incomplete }
    }

    /// The inner body, without the first frame.
    pub fn get_ref(&self) -> &B {
        &self.body
    }
}

/// The buffered frame is never pinned.
impl<B: Body + Unpin> Unpin for FirstFrameBody<B> {}

impl<B: Body + Unpin> Body for FirstFrameBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = &mut *self;
        match this.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None if this.is_over => Poll::Ready(None),
            None => Pin::new(&mut this.body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.is_incomplete && self.first.is_none() && (self.is_over || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let first = match &self.first {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.remaining() as u64),
            // Report no exact size: a server that forwards the body would announce it as the length
            // of a complete body.
            Some(Err(_)) => return SizeHint::default(),
            None if self.is_incomplete => return SizeHint::default(),
            None if self.is_over => return SizeHint::with_exact(0),
            None => 0,
        };
        with_read(first, &self.body.size_hint())
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for FirstFrameBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstFrameBody")
            .field("body", &self.body)
            .field("waits", &self.first.is_some())
            .finish_non_exhaustive()
    }
}
