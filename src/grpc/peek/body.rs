use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http_body::{Body, Frame, SizeHint};
use bytes::Buf;
use pin_project_lite::pin_project;

use crate::http::size_hint::with_read;

pin_project! {
    /// A response body whose first frame may already have been read. It yields that frame, and then
    /// the rest.
    pub struct PeekedBody<B: Body> {
        first: ReadAhead<B::Data, B::Error>,
        // `None` in a body that was made by `default()`.
        #[pin]
        body: Option<B>,
    }
}

/// What has been read of the body.
pub(super) enum ReadAhead<Data, Err> {
    Nothing,
    Frame(Frame<Data>),
    Error(Err),
    /// The body has ended.
    End,
}

impl<B: Body> PeekedBody<B> {
    pub(super) fn new(first: ReadAhead<B::Data, B::Error>, body: B) -> Self {
        Self { first, body: Some(body) }
    }
}

/// An empty body, for responses that a layer makes without a call. tonic's interceptors require the
/// body type to implement `Default`, but their own body type doesn't implement it. So this impl has
/// no `B: Default` bound.
impl<B: Body> Default for PeekedBody<B> {
    fn default() -> Self {
        Self { first: ReadAhead::End, body: None }
    }
}

impl<B: Body> Body for PeekedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let read = match std::mem::replace(this.first, ReadAhead::Nothing) {
            ReadAhead::Nothing => match this.body.as_pin_mut() {
                Some(body) => ready!(body.poll_frame(cx)),
                None => None,
            },
            ReadAhead::Frame(frame) => Some(Ok(frame)),
            ReadAhead::Error(error) => Some(Err(error)),
            ReadAhead::End => None,
        };
        // The inner body isn't polled again after its end.
        if !matches!(&read, Some(Ok(frame)) if !frame.is_trailers()) {
            *this.first = ReadAhead::End;
        }
        Poll::Ready(read)
    }

    fn is_end_stream(&self) -> bool {
        match &self.first {
            ReadAhead::Nothing => self.body.as_ref().is_none_or(Body::is_end_stream),
            ReadAhead::Frame(_) | ReadAhead::Error(_) => false,
            ReadAhead::End => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint);
        let read = match &self.first {
            ReadAhead::Nothing => return body,
            ReadAhead::End => return SizeHint::with_exact(0),
            ReadAhead::Error(_) => 0,
            ReadAhead::Frame(frame) => frame.data_ref().map_or(0, |data| data.remaining() as u64),
        };
        with_read(read, &body)
    }
}

impl<B: Body> fmt::Debug for PeekedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeekedBody").field("ended", &self.is_end_stream()).finish_non_exhaustive()
    }
}
