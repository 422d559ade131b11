use ::http::{HeaderMap, Response};
use ::http_body::{Body, Frame};
use bytes::Buf;

use super::messages::Messages;
use crate::{breaker::Permit, http::remaining::Remaining};

/// How much of a body has been received, and whether the body is complete if it ends here.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    remaining: Remaining,
    /// `Some` for a gRPC response.
    messages: Option<Messages>,
}

impl Ending {
    pub(super) fn of<B: Body>(response: &Response<B>) -> Self {
        Self { remaining: Remaining::of(response), messages: Messages::of(response) }
    }

    /// For a body without a permit.
    pub(super) const fn unknown() -> Self {
        Self { remaining: Remaining::unknown(), messages: None }
    }

    /// Counts a received frame.
    pub(super) fn count<D: Buf>(&mut self, frame: &Frame<D>) {
        self.remaining.count(frame);
        if let Some(messages) = &mut self.messages {
            messages.read(frame);
        }
    }

    /// Whether the announced length has been received, and no trailers have to follow.
    pub(super) fn is_certain(&self) -> bool {
        self.remaining.is_complete() && self.messages.is_none()
    }

    /// Ends the permit of a call whose body has ended with these trailers.
    pub(super) fn end(&self, permit: Permit, trailers: Option<&HeaderMap>) {
        let is_cut = self.messages.is_some_and(|messages| messages.are_incomplete(trailers));
        if is_cut || self.remaining.is_incomplete() {
            permit.failure();
        } else {
            permit.success();
        }
    }
}
