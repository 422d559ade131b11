//! What is known about a response when a classifier classifies it.

use ::http::{HeaderMap, HeaderValue, Response};
use ::http_body::Body;

use super::{Code, status::Status, transport_error::TransportError};

/// Returns the status code of a response, if it is known: from its headers, from the trailers that
/// an inner [`PeekLayer`](super::PeekLayer) has read, or from its HTTP status. `None` if the first
/// message has arrived and the status is still to come.
///
/// The code is [`Code::Unknown`] if the response ends without a status, if the status can't be
/// parsed, or if the response isn't gRPC: HTTP status 200 with a content type that doesn't start
/// with `application/grpc`, such as the HTML page of a proxy.
///
/// ```
/// use http::Response;
/// use http_body_util::Empty;
/// use tower_recourse::grpc::{Code, code};
///
/// let response = Response::builder().header("grpc-status", "5").body(Empty::<&[u8]>::new()).unwrap();
/// assert_eq!(code(&response), Some(Code::NotFound));
/// ```
pub fn code<B: Body>(response: &Response<B>) -> Option<Code> {
    match ResponseState::of(response) {
        ResponseState::Status(status) => Some(status.code),
        ResponseState::Failed(error) => Some(error.code),
        ResponseState::Started => None,
    }
}

/// What is known about a response. A [`PeekLayer`](super::PeekLayer) stores it as a response
/// extension.
#[derive(Debug, Clone, Copy)]
pub(super) enum ResponseState {
    Status(Status),
    /// The body failed before its first frame.
    Failed(TransportError),
    /// The first message has arrived, or may still arrive.
    Started,
}

/// The `grpc-message` in trailers that a [`PeekLayer`](super::PeekLayer) has read, as a response
/// extension.
#[derive(Debug, Clone)]
struct MessageInTrailers(HeaderValue);

const MESSAGE: &str = "grpc-message";

/// Stores the message of trailers in their response. It shares the bytes with the trailers.
pub(super) fn keep_message<B>(response: &mut Response<B>, trailers: &HeaderMap) {
    if let Some(message) = trailers.get(MESSAGE) {
        response.extensions_mut().insert(MessageInTrailers(message.clone()));
    }
}

/// The percent-encoded message of a response, from its headers or from the trailers that were read.
pub(super) fn message<B>(response: &Response<B>) -> Option<&str> {
    let in_trailers = || response.extensions().get().map(|MessageInTrailers(message)| message);
    response.headers().get(MESSAGE).or_else(in_trailers)?.to_str().ok()
}

impl ResponseState {
    pub(super) fn of<B: Body>(response: &Response<B>) -> Self {
        if let Some(status) = Status::from_head(response) {
            return Self::Status(status);
        }
        if let Some(&peeked) = response.extensions().get() {
            return peeked;
        }
        // The response has no messages, so its status would be in the headers.
        if response.body().is_end_stream() {
            return Self::Status(Status::from_headers(response.headers()));
        }
        Self::Started
    }
}
