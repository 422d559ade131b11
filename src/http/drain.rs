//! Letting a response go so that its connection can be used again.

use ::http_body::Body;
use ::http_body_util::BodyExt;
use bytes::Buf;

use crate::classify::LetGo;

/// How much of a body is read at most: what servers say with an error is short.
pub(super) const MOST: usize = 16 << 10;

/// Reads a body to its end, if that isn't too far. Dropped, it drops the body. One that announces more is dropped at once.
pub(super) fn up_to<B>(body: B, most: usize) -> LetGo
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    if body.is_end_stream() || body.size_hint().lower() > most as u64 {
        drop(body);
        return Box::pin(std::future::ready(()));
    }
    Box::pin(async move {
        let mut body = Box::pin(body);
        let mut left = most;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Buf::remaining);
            // An empty frame counts as well: there may be no end of them.
            match left.checked_sub(length.max(1)) {
                Some(less) => left = less,
                None => break,
            }
        }
    })
}
