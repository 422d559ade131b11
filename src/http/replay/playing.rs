use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use bytes::Bytes;

use super::tape::Reel;
use crate::http::sizes::with_read;

/// A body that is sent and kept at once: what was kept comes first, then what the source still has.
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
        let mut state = this.reel.state();
        if this.done {
            return Poll::Ready(None);
        }
        if state.player != this.player {
            this.done = true;
            return Poll::Ready(Some(Err(PlayError::SentAgain(SentAgain))));
        }
        if let Some(chunk) = state.next_kept() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        state.forget_if_closed();
        if state.ended {
            this.done = true;
            return Poll::Ready(state.trailers.clone().map(|trailers| Ok(Frame::trailers(trailers))));
        }
        match Pin::new(&mut state.source).poll_frame(cx) {
            Poll::Pending => {
                let former = state.wait(cx.waker());
                drop(state);
                drop(former);
                Poll::Pending
            }
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(chunk) = frame.data_ref() {
                    state.keep(chunk);
                } else if let Some(trailers) = frame.trailers_ref() {
                    state.trailers = Some(trailers.clone());
                    state.ended = true;
                    this.done = true;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                state.lose();
                this.done = true;
                Poll::Ready(Some(Err(PlayError::Body(error))))
            }
            Poll::Ready(None) => {
                state.ended = true;
                this.done = true;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.reel.state();
        let all_played = state.left() == 0;
        // One that is over has an error to tell first.
        self.done || (state.player == self.player && all_played && state.nothing_comes())
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.reel.state();
        if self.done {
            return SizeHint::with_exact(0);
        }
        with_read(state.left(), &state.size_to_come())
    }
}

impl<B> fmt::Debug for Playing<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Playing").field("player", &self.player).field("done", &self.done).finish_non_exhaustive()
    }
}

/// Why a body broke off while it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlayError<E> {
    /// The body's own error. Its request isn't retried.
    Body(E),
    /// Another attempt is sending the body by now.
    SentAgain(SentAgain),
    /// It was to be sent again, and there was more of it than is kept, or it had broken off. Only of a
    /// [`SharedBody`](super::SharedBody).
    NotKept,
}

/// Another attempt is sending the body by now: this one was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentAgain;

impl<E: From<SentAgain>> PlayError<E> {
    /// As an error of the body's own type.
    pub(super) fn flatten(self) -> E {
        match self {
            Self::Body(error) => error,
            Self::SentAgain(again) => again.into(),
            // Not of what plays a tape.
            Self::NotKept => SentAgain.into(),
        }
    }
}

impl<E> fmt::Display for PlayError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(_) => f.write_str("the request body broke off"),
            Self::SentAgain(again) => again.fmt(f),
            Self::NotKept => f.write_str("the request body wasn't kept to be sent again"),
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
        f.write_str("the request is being sent again")
    }
}

impl Error for SentAgain {}

impl From<SentAgain> for io::Error {
    fn from(again: SentAgain) -> Self {
        Self::other(again)
    }
}
