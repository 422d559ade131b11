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

/// A request's body whose end can be known from outside: the service within gets one of the very type that came in.
#[diagnostic::on_unimplemented(
    message = "when a request body `{Self}` has been sent can't be known",
    label = "this body can't be watched",
    note = "`Full`, `Empty`, `UnsyncBoxBody` and `BoxBody` can; axum's `Body` with the feature `axum`, tonic's with `tonic`"
)]
pub trait Watched: Sized {
    /// The same body, and whether it has been sent.
    fn watched(self) -> (Self, Sending);
}

/// Whether a request has been sent to its end.
#[derive(Debug, Clone)]
pub struct Sending(Option<Arc<AtomicBool>>);

impl Sending {
    /// It was there as a whole from the beginning.
    pub const fn whole() -> Self {
        Self(None)
    }

    /// Whether nothing of it is to come any more.
    pub fn has_ended(&self) -> bool {
        // Relaxed: it guards nothing, and who sees it late peeks less.
        self.0.as_ref().is_none_or(|ended| ended.load(Ordering::Relaxed))
    }
}

impl<D: Buf + Clone> Watched for Full<D> {
    fn watched(self) -> (Self, Sending) {
        (self, Sending::whole())
    }
}

impl<D> Watched for Empty<D> {
    fn watched(self) -> (Self, Sending) {
        (self, Sending::whole())
    }
}

macro_rules! wrapped {
    ($(#[$attribute:meta])* $body:ty $(, $error:ident)? => $wrap:expr) => {
        $(#[$attribute])*
        impl $(<$error: 'static>)? Watched for $body {
            fn watched(self) -> (Self, Sending) {
                if self.is_end_stream() {
                    return (self, Sending::whole());
                }
                let ended = Arc::new(AtomicBool::new(false));
                ($wrap(Watching { body: self, ended: Arc::clone(&ended) }), Sending(Some(ended)))
            }
        }
    };
}

wrapped!(UnsyncBoxBody<Bytes, E>, E => Watching::boxed_unsync);
wrapped!(BoxBody<Bytes, E>, E => Watching::boxed);
wrapped!(
    #[cfg(feature = "axum")]
    axum_core::body::Body => axum_core::body::Body::new
);
wrapped!(
    #[cfg(feature = "tonic")]
    tonic::body::Body => tonic::body::Body::new
);

struct Watching<B> {
    body: B,
    ended: Arc<AtomicBool>,
}

/// A server may answer without reading all of it: whoever sent it has let it go, and nothing more is to come.
impl<B> Drop for Watching<B> {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl<B: Body + Unpin> Body for Watching<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        // Who sends it may ask for no more once it says that it has ended.
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
