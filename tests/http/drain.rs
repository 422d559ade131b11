//! Discarding a response: the retry reads a little of its body, for as long as the wait takes.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::time::Instant;
use tower::{Layer, service_fn};
use tower_recourse::RetryLayer;

use crate::config;

/// A body without end that counts its reads and shows whether it was dropped.
#[derive(Clone)]
struct Endless {
    chunk: Option<usize>,
    announced: Option<u64>,
    read: Arc<AtomicUsize>,
    dropped: Arc<AtomicBool>,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(length) = self.chunk else { return Poll::Pending };
        self.read.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(vec![b'x'; length].into()))))
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::SeqCst);
    }
}

/// Returns the number of frames that a retry reads of the body of a 503. Checks that the retry
/// drops the body before the next attempt, and that reading takes no extra time.
async fn frames_read(chunk: Option<usize>, announced: Option<u64>) -> usize {
    let (read, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, gone) = (read.clone(), dropped.clone());
    let attempts = Arc::new(AtomicUsize::new(0));
    let server = service_fn(move |_: Request<Full<Bytes>>| {
        let first = attempts.fetch_add(1, Ordering::SeqCst) == 0;
        assert!(first || gone.load(Ordering::SeqCst), "dropped before the next attempt");
        let body = Endless { chunk, announced, read: counted.clone(), dropped: gone.clone() };
        let status = if first { 503 } else { 200 };
        async move { Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap()) }
    });
    let begun = Instant::now();
    let response = RetryLayer::new(config()).layer(server).oneshot(Request::new(Full::default())).await.unwrap();
    assert_eq!((response.status().as_u16(), begun.elapsed()), (200, Duration::from_millis(50)));
    read.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn draining_stops_after_sixteen_kibibytes() {
    assert_eq!(frames_read(Some(1 << 10), None).await, 17, "the 17th exceeds the limit");
    assert_eq!(frames_read(Some(1 << 20), None).await, 1);
}

/// Empty frames count towards the limit too. Otherwise a body of empty frames could occupy the
/// thread forever.
#[tokio::test(start_paused = true)]
async fn a_body_of_empty_frames_is_dropped() {
    assert_eq!(frames_read(Some(0), None).await, (16 << 10) + 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_announces_more_is_dropped_unread() {
    assert_eq!(frames_read(Some(1), Some((16 << 10) + 1)).await, 0);
    assert!(frames_read(Some(1), Some(16 << 10)).await > 0);
}

#[tokio::test(start_paused = true)]
async fn draining_a_slow_body_ends_with_the_backoff() {
    assert_eq!(frames_read(None, None).await, 0);
    assert_eq!(frames_read(None, Some(10)).await, 0);
}
