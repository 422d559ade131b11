use ::http::{HeaderMap, Response};
use ::http_body::{Body, Frame};
use bytes::Buf;

use super::grpc_messages::GrpcMessages;
use crate::{FailureInfo, FailureKind, breaker::Permit, http::remaining_length::RemainingLength, observe::ErrorText};

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
        match self.missing_part(trailers) {
            Some(text) => {
                let error = Some(ErrorText::text(text));
                permit.failure_with(FailureInfo::new(FailureKind::Transient).with_error(error));
            }
            None => permit.success(),
        }
    }

    /// What is missing in a body that has ended with these trailers, as the text of its failure.
    fn missing_part(&self, trailers: Option<&HeaderMap>) -> Option<&'static str> {
        let of_grpc = self.messages.and_then(|messages| messages.missing_part(trailers));
        let of_length = || self.remaining.is_incomplete().then_some("the body ended before its announced length");
        of_grpc.or_else(of_length)
    }
}
