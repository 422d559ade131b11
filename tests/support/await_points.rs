//! Numbers the await points of a call, for tests that drop the call or panic at each of them.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};

/// Counts the await points, and panics at one of them.
#[derive(Clone)]
pub(crate) struct AwaitPoints {
    pub(crate) passed: Arc<AtomicUsize>,
    pub(crate) panics_at: usize,
}

impl AwaitPoints {
    pub(crate) fn pass(&self) {
        assert_ne!(self.passed.fetch_add(1, Ordering::SeqCst), self.panics_at, "panic for the test");
    }
}

/// A body that is pending once before each frame.
pub(crate) struct PendingBeforeFrames {
    pub(crate) frames: std::vec::IntoIter<io::Result<Frame<Bytes>>>,
    pub(crate) asked: bool,
    pub(crate) moments: AwaitPoints,
    pub(crate) _held: Arc<()>,
}

impl Body for PendingBeforeFrames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.asked = !self.asked;
        if self.asked {
            self.moments.pass();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.frames.next())
    }
}
