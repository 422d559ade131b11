use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use bytes::Bytes;

use crate::http::size_hint::with_read;

/// A body whose first frames may already have been read. See the [module](super).
pub struct FirstEventBody<B: Body> {
    frames: VecDeque<Frame<Bytes>>,
    /// What follows the buffered frames.
    rest: Rest<B>,
}

enum Rest<B: Body> {
    Body(B),
    /// The body failed before its first event.
    Failed(B::Error),
    Ended {
        /// The response announced more, so it must not look complete.
        is_incomplete: bool,
    },
}

impl<B: Body> FirstEventBody<B> {
    pub(super) fn continued(frames: VecDeque<Frame<Bytes>>, body: B) -> Self {
        Self { frames, rest: Rest::Body(body) }
    }

    pub(super) fn failed(frames: VecDeque<Frame<Bytes>>, error: B::Error) -> Self {
        Self { frames, rest: Rest::Failed(error) }
    }

    pub(super) fn ended(frames: VecDeque<Frame<Bytes>>, is_incomplete: bool) -> Self {
        Self { frames, rest: Rest::Ended { is_incomplete } }
    }

    /// The inner body, without the frames that were read. `None` if the body has ended or failed.
    pub fn get_ref(&self) -> Option<&B> {
        match &self.rest {
            Rest::Body(body) => Some(body),
            _ => None,
        }
    }
}

/// The buffered frames and the error are never pinned.
impl<B: Body + Unpin> Unpin for FirstEventBody<B> {}

impl<B: Body<Data = Bytes> + Unpin> Body for FirstEventBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if let Some(frame) = this.frames.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match &mut this.rest {
            Rest::Body(body) => Pin::new(body).poll_frame(cx),
            Rest::Ended { .. } => Poll::Ready(None),
            Rest::Failed(_) => {
                let failed = std::mem::replace(&mut this.rest, Rest::Ended { is_incomplete: true });
                let Rest::Failed(error) = failed else { unreachable!("it was just matched") };
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
            && match &self.rest {
                Rest::Body(body) => body.is_end_stream(),
                Rest::Failed(_) => false,
                Rest::Ended { is_incomplete } => !is_incomplete,
            }
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.frames.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum();
        match &self.rest {
            Rest::Body(body) => with_read(read, &body.size_hint()),
            Rest::Ended { is_incomplete: false } => SizeHint::with_exact(read),
            // Report no exact size: a server that forwards the body would announce it as the length
            // of a complete body.
            Rest::Failed(_) | Rest::Ended { is_incomplete: true } => SizeHint::default(),
        }
    }
}

impl<B: Body + fmt::Debug> fmt::Debug for FirstEventBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstEventBody")
            .field("buffered_frames", &self.frames.len())
            .field("body", &self.get_ref())
            .finish_non_exhaustive()
    }
}
