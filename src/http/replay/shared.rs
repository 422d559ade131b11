use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use bytes::Bytes;

use super::{PlayError, Playing, Replay, Replayable, Tape};

/// A body of which a clone is the same body once more, from its beginning: for requests that must be `Clone`, as those of a
/// [fallback](crate::FallbackLayer::new). Made by [`Replay::share`].
///
/// All clones share what is kept. It is kept for as long as there is a clone that nobody has begun to read; so whoever doesn't clone it
/// keeps nothing. Whoever begins to read is the one who sends it: the one before is told, by [`SentAgain`](super::SentAgain), that it is
/// over.
///
/// # Clone
///
/// One reference count. The clone of a body that can't be sent again breaks off at once, with [`PlayError::NotKept`].
pub struct SharedBody<B> {
    part: Part<B>,
}

enum Part<B> {
    /// Nobody has begun to read this one.
    Whole(Arc<Tape<B>>),
    /// It is being read; the others may still hold the tape.
    Begun { playing: Playing<B>, tape: Weak<Tape<B>> },
    /// It isn't kept, and is sent by whoever has this.
    Once(B),
    /// It can't be had.
    Missing { told: bool },
}

impl<B: Body<Data = Bytes>> SharedBody<B> {
    pub(super) fn new(source: B, replay: &Replay) -> Self {
        match Tape::record(source, replay) {
            Ok(tape) => Self { part: Part::Whole(Arc::new(tape)) },
            Err(source) => Self::once(source),
        }
    }

    pub(super) fn once(source: B) -> Self {
        Self { part: Part::Once(source) }
    }
}

impl<B> SharedBody<B> {
    /// Whether a clone of it is the whole body: it isn't too large, has not broken off, and is still kept.
    pub fn can_be_sent_again(&self) -> bool {
        self.tape().is_some_and(|tape| !tape.is_lost())
    }

    fn tape(&self) -> Option<Arc<Tape<B>>> {
        match &self.part {
            Part::Whole(tape) => Some(Arc::clone(tape)),
            Part::Begun { tape, .. } => tape.upgrade(),
            Part::Once(_) | Part::Missing { .. } => None,
        }
    }
}

impl<B: Body> SharedBody<B> {
    pub(super) fn is_recorded(&self) -> bool {
        matches!(&self.part, Part::Whole(tape) if !tape.is_empty())
    }
}

impl<B> Clone for SharedBody<B> {
    fn clone(&self) -> Self {
        Self { part: self.tape().map_or(Part::Missing { told: false }, Part::Whole) }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for SharedBody<B> {
    type Data = Bytes;
    type Error = PlayError<B::Error>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let part = &mut self.part;
        if let Part::Whole(tape) = part {
            *part = match tape.play() {
                // The tape may be the last one: then nothing is kept from here on.
                Some(playing) => Part::Begun { playing, tape: Arc::downgrade(tape) },
                None => Part::Missing { told: false },
            };
        }
        match part {
            Part::Whole(_) => unreachable!("it was begun"),
            Part::Begun { playing, .. } => Pin::new(playing).poll_frame(cx),
            Part::Once(source) => Pin::new(source).poll_frame(cx).map_err(PlayError::Body),
            Part::Missing { told } if *told => Poll::Ready(None),
            Part::Missing { told } => {
                *told = true;
                Poll::Ready(Some(Err(PlayError::NotKept)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.part {
            Part::Whole(tape) => tape.is_empty(),
            Part::Begun { playing, .. } => playing.is_end_stream(),
            Part::Once(source) => source.is_end_stream(),
            Part::Missing { told } => *told,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.part {
            Part::Whole(tape) => tape.size_hint(),
            Part::Begun { playing, .. } => playing.size_hint(),
            Part::Once(source) => source.size_hint(),
            Part::Missing { .. } => SizeHint::default(),
        }
    }
}

/// A retry takes a clone: what the fallback around it keeps isn't kept twice.
impl<B> Replayable for SharedBody<B> {
    type Kept = Self;

    fn keep(&mut self, _: &Replay) -> Option<Self> {
        let mut kept = self.clone();
        Self::again(&mut kept)
    }

    fn is_kept(kept: &Self) -> bool {
        kept.can_be_sent_again()
    }

    fn again(kept: &mut Self) -> Option<Self> {
        kept.can_be_sent_again().then(|| kept.clone())
    }
}

impl<B> fmt::Debug for SharedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedBody").field("can_be_sent_again", &self.can_be_sent_again()).finish_non_exhaustive()
    }
}
