use ::http::{HeaderMap, Response, header::CONTENT_TYPE};
use ::http_body::Frame;
use bytes::Buf;

/// The position in a gRPC body. A gRPC message has a prefix of one flag byte and four length bytes.
///
/// A gRPC body is complete if it ends between two messages and has a status in its trailers. HTTP
/// alone can't detect an incomplete body, because servers announce no length.
#[derive(Debug, Clone, Copy)]
pub(super) struct GrpcMessages {
    /// How many bytes of the prefix have been received.
    prefix_bytes: u8,
    /// The length in the received part of the prefix.
    length: u32,
    /// How many bytes of the message are still to come.
    left: u32,
    /// A frame's buffer wasn't contiguous. Its bytes weren't read, so the position is unknown.
    unread: bool,
}

const STATUS: &str = "grpc-status";

impl GrpcMessages {
    /// For a gRPC response whose status is still to come. `None` if the status is in the headers,
    /// and for gRPC-Web, which sends the status in the body.
    pub(super) fn of<B>(response: &Response<B>) -> Option<Self> {
        let content_type = response.headers().get(CONTENT_TYPE)?.as_bytes();
        let (grpc, subtype) = content_type.split_at_checked(b"application/grpc".len())?;
        let is_grpc =
            grpc.eq_ignore_ascii_case(b"application/grpc") && matches!(subtype, [] | [b'+' | b';' | b' ', ..]);
        let has_later_status = is_grpc && !response.headers().contains_key(STATUS);
        has_later_status.then_some(Self { prefix_bytes: 0, length: 0, left: 0, unread: false })
    }

    /// Reads a received frame.
    pub(super) fn read<D: Buf>(&mut self, frame: &Frame<D>) {
        let Some(data) = frame.data_ref() else { return };
        let mut bytes = data.chunk();
        self.unread |= bytes.len() < data.remaining();
        while let [first, rest @ ..] = bytes {
            if self.left > 0 {
                let read = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= u32::try_from(read).unwrap_or(self.left);
                bytes = &bytes[read..];
                continue;
            }
            // The first byte of the prefix is the flag.
            if self.prefix_bytes > 0 {
                self.length = self.length << 8 | u32::from(*first);
            }
            self.prefix_bytes += 1;
            bytes = rest;
            if self.prefix_bytes == 5 {
                (self.prefix_bytes, self.left, self.length) = (0, self.length, 0);
            }
        }
    }

    /// What would be missing if the body ended with these trailers, as the text of a failure.
    pub(super) fn missing_part(&self, trailers: Option<&HeaderMap>) -> Option<&'static str> {
        if !self.unread && (self.prefix_bytes > 0 || self.left > 0) {
            return Some("the body ended within a gRPC message");
        }
        let has_status = trailers.is_some_and(|trailers| trailers.contains_key(STATUS));
        (!has_status).then_some("the body ended without a grpc-status")
    }
}
