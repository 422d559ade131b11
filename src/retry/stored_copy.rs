//! What is stored of a request, to send it again.

use std::marker::PhantomData;

use super::RequestReplay;

/// What a [`RequestReplay`] has stored of a request of type `Req`.
///
/// `pub`, since it is a part of a public future's type; not reachable from outside.
pub struct StoredCopy<Replay, Stored, Req> {
    pub(super) replay: Replay,
    /// `None`: the request can be sent once.
    pub(super) stored: Option<Stored>,
    request: PhantomData<fn(Req)>,
}

impl<Replay, Req> StoredCopy<Replay, Replay::Stored, Req>
where
    Replay: RequestReplay<Req>,
{
    #[inline(always)]
    pub(super) fn new(replay: Replay, stored: Option<Replay::Stored>) -> Self {
        Self { replay, stored, request: PhantomData }
    }

    /// Whether [`copy`](Self::copy) has a request to return.
    pub(super) fn is_replayable(&self) -> bool {
        self.stored.as_ref().is_some_and(|stored| self.replay.is_stored(stored))
    }

    /// Whether a request was stored and can no longer be sent again.
    #[inline(always)]
    pub(super) fn is_lost(&self) -> bool {
        self.stored.as_ref().is_some_and(|stored| !self.replay.is_stored(stored))
    }

    /// Returns the request for the next attempt.
    pub(super) fn copy(&mut self) -> Option<Replay::Request> {
        self.replay.copy(self.stored.as_mut()?)
    }
}
