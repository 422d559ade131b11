//! Every moment at which something waits: for tests that give up, or blow up, at each of them.

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

/// Counts how often anything waits, and panics at one of these moments.
#[derive(Clone)]
pub(crate) struct Moments {
    pub(crate) passed: Arc<AtomicUsize>,
    pub(crate) panics_at: usize,
}

impl Moments {
    pub(crate) fn pass(&self) {
        assert_ne!(self.passed.fetch_add(1, Ordering::SeqCst), self.panics_at, "as it should");
    }
}

/// Lets itself be asked twice for each frame.
pub(crate) struct Stuttering {
    pub(crate) frames: std::vec::IntoIter<io::Result<Frame<Bytes>>>,
    pub(crate) asked: bool,
    pub(crate) moments: Moments,
    pub(crate) _held: Arc<()>,
}

impl Body for Stuttering {
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
