use ::http::{HeaderMap, Response};
use ::http_body::{Body, Frame};
use bytes::Buf;

use super::messages::Messages;
use crate::{breaker::Permit, http::remaining::Remaining};

/// What has come of a body, and whether it is complete if nothing more comes.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    remaining: Remaining,
    /// Of a gRPC response.
    messages: Option<Messages>,
}

impl Ending {
    pub(super) fn of<B: Body>(response: &Response<B>) -> Self {
        Self { remaining: Remaining::of(response), messages: Messages::of(response) }
    }

    /// For a body that no breaker tracks.
    pub(super) const fn unknown() -> Self {
        Self { remaining: Remaining::unknown(), messages: None }
    }

    /// Counts a frame that has come.
    pub(super) fn count<D: Buf>(&mut self, frame: &Frame<D>) {
        self.remaining.count(frame);
        if let Some(messages) = &mut self.messages {
            messages.read(frame);
        }
    }

    /// Whether all of the announced length has come, and nothing matters that comes after it.
    pub(super) fn is_certain(&self) -> bool {
        self.remaining.is_complete() && self.messages.is_none()
    }

    /// Ends a call of whose body nothing more comes than these trailers.
    pub(super) fn end(&self, permit: Permit, trailers: Option<&HeaderMap>) {
        let is_cut = self.messages.is_some_and(|messages| messages.are_incomplete(trailers));
        if is_cut || self.remaining.is_incomplete() {
            permit.failure();
        } else {
            permit.success();
        }
    }
}
