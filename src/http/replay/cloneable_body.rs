use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use bytes::Bytes;

use super::{Replay, ReplayBody, ReplayBuffer, ReplayError, Replayable};

/// A body whose clones each yield the whole body, for requests that must be `Clone`, such as those
/// of a [fallback](crate::FallbackLayer::new). Made by [`Replay::cloneable`].
///
/// All clones share one record. Chunks are recorded while there is a clone that hasn't been polled
/// yet; a body without clones isn't recorded. When a clone is polled for the first time, it
/// becomes the one that is sent, and the clone before it fails with
/// [`Superseded`](super::Superseded).
///
/// # Clone
///
/// Increments a reference count. The clone of a body that can't be resent fails on its first poll,
/// with [`ReplayError::NotStored`].
pub struct CloneableBody<B> {
    part: Part<B>,
}

enum Part<B> {
    /// Not polled yet.
    Whole(Arc<ReplayBuffer<B>>),
    /// Being read. Other clones may still own the buffer.
    Begun { playing: ReplayBody<B>, tape: Weak<ReplayBuffer<B>> },
    /// Not recorded: only this instance can send the body.
    Once(B),
    /// The clone of a body that can't be resent.
    Missing { told: bool },
}

impl<B: Body<Data = Bytes>> CloneableBody<B> {
    pub(super) fn new(source: B, replay: &Replay) -> Self {
        match ReplayBuffer::record(source, replay) {
            Ok(tape) => Self { part: Part::Whole(Arc::new(tape)) },
            Err(source) => Self::once(source),
        }
    }

    pub(super) fn once(source: B) -> Self {
        Self { part: Part::Once(source) }
    }
}

impl<B> CloneableBody<B> {
    /// Whether a clone would yield the whole body. `false` if the body is too large, has failed, or
    /// is no longer recorded.
    pub fn is_replayable(&self) -> bool {
        self.tape().is_some_and(|tape| !tape.is_lost())
    }

    fn tape(&self) -> Option<Arc<ReplayBuffer<B>>> {
        match &self.part {
            Part::Whole(tape) => Some(Arc::clone(tape)),
            Part::Begun { tape, .. } => tape.upgrade(),
            Part::Once(_) | Part::Missing { .. } => None,
        }
    }
}

impl<B: Body> CloneableBody<B> {
    pub(super) fn is_recorded(&self) -> bool {
        matches!(&self.part, Part::Whole(tape) if !tape.is_empty())
    }
}

impl<B> Clone for CloneableBody<B> {
    fn clone(&self) -> Self {
        Self { part: self.tape().map_or(Part::Missing { told: false }, Part::Whole) }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for CloneableBody<B> {
    type Data = Bytes;
    type Error = ReplayError<B::Error>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let part = &mut self.part;
        if let Part::Whole(tape) = part {
            *part = match tape.play() {
                // Downgrade: if no other clone owns the buffer, recording stops.
                Some(playing) => Part::Begun { playing, tape: Arc::downgrade(tape) },
                None => Part::Missing { told: false },
            };
        }
        match part {
            Part::Whole(_) => unreachable!("replaced above"),
            Part::Begun { playing, .. } => Pin::new(playing).poll_frame(cx),
            Part::Once(source) => Pin::new(source).poll_frame(cx).map_err(ReplayError::Body),
            Part::Missing { told } if *told => Poll::Ready(None),
            Part::Missing { told } => {
                *told = true;
                Poll::Ready(Some(Err(ReplayError::NotStored)))
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

/// A retry stores a clone, so the body isn't recorded a second time inside a fallback.
impl<B> Replayable for CloneableBody<B> {
    type Stored = Self;

    fn store(&mut self, _: &Replay) -> Option<Self> {
        let mut kept = self.clone();
        Self::copy(&mut kept)
    }

    fn is_stored(kept: &Self) -> bool {
        kept.is_replayable()
    }

    fn copy(kept: &mut Self) -> Option<Self> {
        kept.is_replayable().then(|| kept.clone())
    }
}

impl<B> fmt::Debug for CloneableBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloneableBody").field("can_be_sent_again", &self.is_replayable()).finish_non_exhaustive()
    }
}
