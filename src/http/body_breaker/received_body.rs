use ::http::{HeaderMap, Response};
use ::http_body::{Body, Frame};
use bytes::Buf;

use super::grpc_messages::GrpcMessages;
use crate::{breaker::Permit, http::remaining_length::RemainingLength};

/// How much of a body has been received, and whether the body is complete if it ends here.
#[derive(Clone, Copy)]
pub(super) struct ReceivedBody {
    remaining: RemainingLength,
    /// `Some` for a gRPC response.
    messages: Option<GrpcMessages>,
}

impl ReceivedBody {
    pub(super) fn of<B: Body>(response: &Response<B>) -> Self {
        Self { remaining: RemainingLength::of(response), messages: GrpcMessages::of(response) }
    }

    /// For a body without a permit.
    pub(super) const fn unknown() -> Self {
        Self { remaining: RemainingLength::unknown(), messages: None }
    }

    /// Counts a received frame.
    pub(super) fn count<D: Buf>(&mut self, frame: &Frame<D>) {
        self.remaining.subtract(frame);
        if let Some(messages) = &mut self.messages {
            messages.read(frame);
        }
    }

    /// Whether the announced length has been received, and no trailers have to follow.
    pub(super) fn is_complete(&self) -> bool {
        self.remaining.is_complete() && self.messages.is_none()
    }

    /// Records the outcome of a call whose body has ended with these trailers.
    pub(super) fn end_permit(&self, permit: Permit, trailers: Option<&HeaderMap>) {
        let is_truncated = self.messages.is_some_and(|messages| messages.is_incomplete_with(trailers));
        if is_truncated || self.remaining.is_incomplete() {
            permit.failure();
        } else {
            permit.success();
        }
    }
}
