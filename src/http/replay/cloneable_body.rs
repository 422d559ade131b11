use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use ::http::Request;
use ::http_body::{Body, Frame, SizeHint};
use bytes::Bytes;

use super::{Replay, ReplayBody, ReplayBuffer, ReplayError, Replayable, head_copy};
use crate::http::message_body::is_upgrade;

/// A body whose clones each yield the whole body, for requests that must be `Clone`, such as those
/// of a [fallback](crate::FallbackLayer::new). Made by [`Replay::cloneable`].
///
/// All clones share one record. Chunks are recorded while there is a clone that hasn't been polled
/// yet; a body without clones isn't recorded. Only the clone that was started last can be read: the
/// first poll of a clone starts it, and the clone that was being read fails with
/// [`Superseded`](super::Superseded).
///
/// # Clone
///
/// Increments a reference count. The clone of a body that can't be resent fails on its first poll,
/// with [`ReplayError::NotStored`].
pub struct CloneableBody<B> {
    state: State<B>,
}

enum State<B> {
    /// Not polled yet.
    Whole(Arc<ReplayBuffer<B>>),
    /// Being read. Other clones may still own the buffer.
    Started { body: ReplayBody<B>, buffer: Weak<ReplayBuffer<B>> },
    /// Not recorded: only this instance can send the body.
    NotRecorded(B),
    /// The clone of a body that can't be resent. It fails once, and then ends.
    Missing { has_failed: bool },
}

impl Replay {
    /// Makes the request's body cloneable. All clones share one stored copy. See [`CloneableBody`].
    pub fn cloneable<B: Body<Data = Bytes>>(&self, request: Request<B>) -> Request<CloneableBody<B>> {
        if is_upgrade(&request) {
            return request.map(CloneableBody::not_recorded);
        }
        let mut shared = request.map(|body| CloneableBody::new(body, self));
        if shared.body().is_recorded() {
            let (uri, headers) = head_copy::deep(&shared);
            (*shared.uri_mut(), *shared.headers_mut()) = (uri, headers);
        }
        shared
    }
}

impl<B> CloneableBody<B> {
    fn not_recorded(source: B) -> Self {
        Self { state: State::NotRecorded(source) }
    }

    /// Whether a clone would yield the whole body. `false` if the body is too large, has failed, or
    /// is no longer recorded.
    pub fn is_replayable(&self) -> bool {
        self.buffer().is_some_and(|buffer| !buffer.is_incomplete())
    }

    fn buffer(&self) -> Option<Arc<ReplayBuffer<B>>> {
        match &self.state {
            State::Whole(buffer) => Some(Arc::clone(buffer)),
            State::Started { buffer, .. } => buffer.upgrade(),
            State::NotRecorded(_) | State::Missing { .. } => None,
        }
    }
}

impl<B: Body<Data = Bytes>> CloneableBody<B> {
    fn new(source: B, replay: &Replay) -> Self {
        match ReplayBuffer::record(source, replay) {
            Ok(buffer) => Self { state: State::Whole(Arc::new(buffer)) },
            Err(source) => Self::not_recorded(source),
        }
    }

    fn is_recorded(&self) -> bool {
        matches!(&self.state, State::Whole(buffer) if !buffer.is_empty())
    }
}

impl<B> Clone for CloneableBody<B> {
    fn clone(&self) -> Self {
        Self { state: self.buffer().map_or(State::Missing { has_failed: false }, State::Whole) }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for CloneableBody<B> {
    type Data = Bytes;
    type Error = ReplayError<B::Error>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let state = &mut self.state;
        if let State::Whole(buffer) = state {
            *state = match ReplayBody::start(buffer) {
                // Downgrade: if no other clone owns the buffer, the recording stops.
                Some(body) => State::Started { body, buffer: Arc::downgrade(buffer) },
                None => State::Missing { has_failed: false },
            };
        }
        match state {
            State::Whole(_) => unreachable!("replaced above"),
            State::Started { body, .. } => Pin::new(body).poll_frame(cx),
            State::NotRecorded(source) => Pin::new(source).poll_frame(cx).map_err(ReplayError::Body),
            State::Missing { has_failed: true } => Poll::Ready(None),
            State::Missing { has_failed } => {
                *has_failed = true;
                Poll::Ready(Some(Err(ReplayError::NotStored)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Whole(buffer) => buffer.is_empty(),
            State::Started { body, .. } => body.is_end_stream(),
            State::NotRecorded(source) => source.is_end_stream(),
            State::Missing { has_failed } => *has_failed,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Whole(buffer) => buffer.size_hint(),
            State::Started { body, .. } => body.size_hint(),
            State::NotRecorded(source) => source.size_hint(),
            State::Missing { .. } => SizeHint::default(),
        }
    }
}

/// A retry stores a clone of this body instead of a second recording.
impl<B> Replayable for CloneableBody<B> {
    type Stored = Self;

    fn store(&mut self, _: &Replay) -> Option<Self> {
        let mut stored = self.clone();
        Self::copy(&mut stored)
    }

    fn is_stored(stored: &Self) -> bool {
        stored.is_replayable()
    }

    fn copy(stored: &mut Self) -> Option<Self> {
        stored.is_replayable().then(|| stored.clone())
    }
}

impl<B> fmt::Debug for CloneableBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloneableBody").field("is_replayable", &self.is_replayable()).finish_non_exhaustive()
    }
}
