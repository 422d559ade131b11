//! Reads the rest of a discarded response, so that its HTTP/1 connection can be reused.

use ::http_body::Body;
use ::http_body_util::BodyExt;
use bytes::Buf;

use crate::classify::DrainFuture;

/// The maximum number of bytes to read from one body. Error responses are usually shorter.
const MAX_BYTES: usize = 16 << 10;

/// Reads the body to its end, up to [`MAX_BYTES`]. If the body announces more, drops it without
/// reading. Dropping the future drops the body.
pub(crate) fn drain_body<B>(body: B) -> DrainFuture
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    if body.is_end_stream() || body.size_hint().lower() > MAX_BYTES as u64 {
        drop(body);
        return Box::pin(std::future::ready(()));
    }
    Box::pin(async move {
        let mut body = Box::pin(body);
        let mut left = MAX_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Buf::remaining);
            // An empty frame counts as one byte: a server could send empty frames without end.
            match left.checked_sub(length.max(1)) {
                Some(less) => left = less,
                None => break,
            }
        }
    })
}
