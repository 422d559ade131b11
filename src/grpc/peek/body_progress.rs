use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use ::http_body_util::{
    BodyExt, Empty, Full,
    combinators::{BoxBody, UnsyncBoxBody},
};
use bytes::{Buf, Bytes};

/// A request body whose end can be tracked from outside. The inner service gets a body of the same
/// type.
#[diagnostic::on_unimplemented(
    message = "the end of a request body of type `{Self}` can't be tracked",
    label = "this body can't be tracked",
    note = "`Full`, `Empty`, `UnsyncBoxBody` and `BoxBody` can; axum's `Body` with the feature `axum`, tonic's with `tonic`"
)]
pub trait TrackBody: Sized {
    /// Returns the body, and a handle that shows whether it has been sent.
    fn track(self) -> (Self, BodyProgress);
}

/// Shows whether a request body has been sent.
#[derive(Debug, Clone)]
pub struct BodyProgress(Option<Arc<AtomicBool>>);

impl BodyProgress {
    /// For a body that is complete from the beginning.
    pub const fn already_complete() -> Self {
        Self(None)
    }

    /// Whether the whole body has been sent, or was dropped.
    pub fn is_complete(&self) -> bool {
        // Relaxed: no other memory access depends on the flag. If the load returns an old value,
        // the layer only doesn't wait for the first frame.
        self.0.as_ref().is_none_or(|ended| ended.load(Ordering::Relaxed))
    }
}

impl<D: Buf + Clone> TrackBody for Full<D> {
    fn track(self) -> (Self, BodyProgress) {
        (self, BodyProgress::already_complete())
    }
}

impl<D> TrackBody for Empty<D> {
    fn track(self) -> (Self, BodyProgress) {
        (self, BodyProgress::already_complete())
    }
}

macro_rules! impl_track_body {
    ($(#[$attribute:meta])* $body:ty $(, $error:ident)? => $wrap:expr) => {
        $(#[$attribute])*
        impl $(<$error: 'static>)? TrackBody for $body {
            fn track(self) -> (Self, BodyProgress) {
                if self.is_end_stream() {
                    return (self, BodyProgress::already_complete());
                }
                let ended = Arc::new(AtomicBool::new(false));
                ($wrap(SentBody { body: self, ended: Arc::clone(&ended) }), BodyProgress(Some(ended)))
            }
        }
    };
}

impl_track_body!(UnsyncBoxBody<Bytes, E>, E => SentBody::boxed_unsync);
impl_track_body!(BoxBody<Bytes, E>, E => SentBody::boxed);
impl_track_body!(
    #[cfg(feature = "axum")]
    axum_core::body::Body => axum_core::body::Body::new
);
impl_track_body!(
    #[cfg(feature = "tonic")]
    tonic::body::Body => tonic::body::Body::new
);

/// Sets a flag when the inner body ends or is dropped.
struct SentBody<B> {
    body: B,
    ended: Arc<AtomicBool>,
}

/// A server may answer without reading the whole request. The HTTP/2 client then drops the body,
/// and sends no more of it.
impl<B> Drop for SentBody<B> {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl<B: Body + Unpin> Body for SentBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        // The sender might not poll again if `is_end_stream` is true after the last frame.
        let last = match &polled {
            Poll::Pending => false,
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers() || self.body.is_end_stream(),
            Poll::Ready(_) => true,
        };
        if last {
            self.ended.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
