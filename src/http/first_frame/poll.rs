use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http_body::{Body, Frame};
use bytes::Buf;

/// The maximum number of empty frames to skip. Ordinary servers send fewer before a body.
const MAX_EMPTY_FRAMES: usize = 16;

/// The first frame, or `None` if the body has ended.
pub(crate) type FirstFrame<B> = Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>;

/// Polls for the first frame that isn't empty. An empty frame doesn't show that the body has
/// started. The number of polls is bounded, because a server could send empty frames without end.
pub(crate) fn poll_first_frame<B: Body + Unpin>(body: &mut B, cx: &mut Context<'_>) -> Poll<FirstFrame<B>> {
    let mut first = ready!(Pin::new(&mut *body).poll_frame(cx));
    for _ in 0..MAX_EMPTY_FRAMES {
        let is_empty = matches!(&first, Some(Ok(frame)) if frame.data_ref().is_some_and(|data| !data.has_remaining()));
        if !is_empty {
            break;
        }
        first = ready!(Pin::new(&mut *body).poll_frame(cx));
    }
    Poll::Ready(first)
}
