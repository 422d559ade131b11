use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use bytes::Bytes;

use super::tape::{Came, Next, Reel};
use crate::http::sizes::with_read;

/// A body that yields the recorded chunks first, and then records and yields the rest of the
/// source.
pub struct Playing<B> {
    reel: Arc<Reel<B>>,
    player: u32,
    done: bool,
}

impl<B> Playing<B> {
    pub(super) fn new(reel: Arc<Reel<B>>, player: u32) -> Self {
        Self { reel, player, done: false }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Playing<B> {
    type Data = Bytes;
    type Error = PlayError<B::Error>;

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
                return Poll::Ready(Some(Err(PlayError::SentAgain(SentAgain))));
            }
            Next::Torn => {
                this.done = true;
                return Poll::Ready(Some(Err(PlayError::NotKept)));
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
            return Poll::Ready(Some(Err(PlayError::SentAgain(SentAgain))));
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(PlayError::Body)))
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

impl<B> fmt::Debug for Playing<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playing").field("player", &self.player).field("done", &self.done).finish_non_exhaustive()
    }
}

/// Why a recorded body failed while it was being sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlayError<E> {
    /// The body's own error. Its request isn't retried.
    Body(E),
    /// A later attempt is sending the body, and this attempt was abandoned.
    SentAgain(SentAgain),
    /// The recorded chunks were dropped, because the body was longer than the limit or had failed.
    /// This happens to clones of a [`SharedBody`]. Other bodies fail with it only if the source
    /// fails while a new attempt starts.
    NotKept,
}

/// A later attempt is sending the body, and this attempt was abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentAgain;

impl<E: From<SentAgain>> PlayError<E> {
    /// Converts it into the body's own error type.
    pub(super) fn flatten(self) -> E {
        match self {
            Self::Body(error) => error,
            Self::SentAgain(again) => again.into(),
            // The earlier attempt hit an error of the source while this one started.
            Self::NotKept => SentAgain.into(),
        }
    }
}

impl<E> fmt::Display for PlayError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(_) => f.write_str("the request body failed"),
            Self::SentAgain(again) => again.fmt(f),
            Self::NotKept => f.write_str("the request body is no longer stored, so it can't be resent"),
        }
    }
}

impl<E: Error + 'static> Error for PlayError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Body(error) => Some(error),
            Self::SentAgain(_) | Self::NotKept => None,
        }
    }
}

impl fmt::Display for SentAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a later attempt is sending the request body")
    }
}

impl Error for SentAgain {}

impl From<SentAgain> for io::Error {
    fn from(again: SentAgain) -> Self {
        Self::other(again)
    }
}
