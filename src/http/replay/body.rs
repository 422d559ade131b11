use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use bytes::Bytes;

use super::buffer::{Came, Next, Reel};
use crate::http::size_hint::with_read;

/// A body that yields the recorded chunks first, and then records and yields the rest of the
/// source.
pub struct ReplayBody<B> {
    reel: Arc<Reel<B>>,
    player: u32,
    done: bool,
}

impl<B> ReplayBody<B> {
    pub(super) fn new(reel: Arc<Reel<B>>, player: u32) -> Self {
        Self { reel, player, done: false }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for ReplayBody<B> {
    type Data = Bytes;
    type Error = ReplayError<B::Error>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if this.done {
            return Poll::Ready(None);
        }
        let mut source = match this.reel.next(this.player, cx.waker()) {
            Next::Chunk(chunk) => return Poll::Ready(Some(Ok(Frame::data(chunk)))),
            Next::Source(source) => source,
            Next::Busy => return Poll::Pending,
            Next::End(trailers) => {
                this.done = true;
                return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
            }
            Next::Over => {
                this.done = true;
                return Poll::Ready(Some(Err(ReplayError::Superseded(Superseded))));
            }
            Next::Torn => {
                this.done = true;
                return Poll::Ready(Some(Err(ReplayError::NotStored)));
            }
        };
        let polled = Pin::new(source.get_mut()).poll_frame(cx);
        let plays = match &polled {
            Poll::Pending => source.give_back(Came::Nothing(cx.waker().clone())),
            Poll::Ready(Some(Ok(frame))) => match (frame.data_ref(), frame.trailers_ref()) {
                (Some(chunk), _) => source.give_back(Came::Data(chunk)),
                (None, Some(trailers)) => {
                    this.done = true;
                    source.give_back(Came::Trailers(trailers.clone()))
                }
                (None, None) => source.give_back(Came::Unpolled),
            },
            Poll::Ready(Some(Err(_))) => {
                this.done = true;
                source.give_back(Came::Failed)
            }
            Poll::Ready(None) => {
                this.done = true;
                source.give_back(Came::End)
            }
        };
        if !plays && polled.is_pending() {
            // A newer reader started while the source was being polled. Its start wakes only
            // readers that were already waiting, so end here instead of waiting.
            this.done = true;
            return Poll::Ready(Some(Err(ReplayError::Superseded(Superseded))));
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(ReplayError::Body)))
    }

    fn is_end_stream(&self) -> bool {
        // A superseded reader has to yield its error first, so it isn't at the end yet.
        self.done || (self.reel.is_played_by(self.player) && self.reel.left() == 0 && self.reel.nothing_comes())
    }

    fn size_hint(&self) -> SizeHint {
        if self.done {
            return SizeHint::with_exact(0);
        }
        with_read(self.reel.left(), &self.reel.size_to_come())
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBody").field("player", &self.player).field("done", &self.done).finish_non_exhaustive()
    }
}

/// Why a recorded body failed while it was being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayError<E> {
    /// The body's own error. Its request isn't retried.
    Body(E),
    /// A later attempt is sending the body, and this attempt was abandoned.
    Superseded(Superseded),
    /// The recorded chunks were dropped, because the body was longer than the limit or had failed.
    /// This happens to clones of a [`CloneableBody`](super::CloneableBody). Other bodies fail with it only if the source
    /// fails while a new attempt starts.
    NotStored,
}

/// A later attempt is sending the body, and this attempt was abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Superseded;

impl<E: From<Superseded>> ReplayError<E> {
    /// Converts it into the body's own error type.
    pub(super) fn flatten(self) -> E {
        match self {
            Self::Body(error) => error,
            Self::Superseded(again) => again.into(),
            // The earlier attempt hit an error of the source while this one started.
            Self::NotStored => Superseded.into(),
        }
    }
}

impl<E> fmt::Display for ReplayError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(_) => f.write_str("the request body failed"),
            Self::Superseded(again) => again.fmt(f),
            Self::NotStored => f.write_str("the request body is no longer stored, so it can't be resent"),
        }
    }
}

impl<E: Error + 'static> Error for ReplayError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body(error) => Some(error),
            Self::Superseded(_) | Self::NotStored => None,
        }
    }
}

impl fmt::Display for Superseded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a later attempt is sending the request body")
    }
}

impl Error for Superseded {}

impl From<Superseded> for io::Error {
    fn from(again: Superseded) -> Self {
        Self::other(again)
    }
}
