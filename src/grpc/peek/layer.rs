use std::{
    task::{Context, Poll},
    time::Duration,
};

use ::http::{Request, Response};
use ::http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{PeekedBody, ResponseFuture, Watched};

/// Waits for the first frame of each answer, so that a status in its trailers is known to the retry and the breaker around. The
/// innermost layer, next to the channel.
///
/// A server may send headers, fail, and say so in trailers. Without this such an answer passes for a success: its headers were
/// good. With it the first frame is waited for: if it is trailers, or the end, the status is told, and the call can be tried again;
/// if it is of a message, the answer is handed on, and nothing that comes later is retried.
///
/// # What isn't waited for
///
/// - Anything while the request is still being sent: a client that streams may wait for the headers before it goes on. Then what
///   is there at once is looked at, and no more.
/// - Longer than [a second](Self::longest), unless set: a stream of events may have nothing to tell for hours, and its caller may
///   need the headers.
///
/// Then the answer is handed on as it is. What was read of a body is put back: the caller gets all of it.
///
/// # Cancel safety
///
/// Dropped, it drops the call and what was read of its answer.
#[derive(Debug, Clone, Copy)]
pub struct PeekLayer {
    longest: Duration,
}

impl Default for PeekLayer {
    fn default() -> Self {
        Self { longest: Duration::from_secs(1) }
    }
}

impl PeekLayer {
    /// With a longest wait of a second.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the first frame is waited for at most. `Duration::MAX`: until it is there.
    pub fn longest(self, longest: Duration) -> Self {
        Self { longest }
    }
}

impl<S> Layer<S> for PeekLayer {
    type Service = Peek<S>;

    fn layer(&self, inner: S) -> Peek<S> {
        Peek { inner, longest: self.longest }
    }
}

/// A service that waits for the first frame of its answers. Made by [`PeekLayer`].
#[derive(Debug, Clone)]
pub struct Peek<S> {
    inner: S,
    longest: Duration,
}

impl<S, A, B> Service<Request<A>> for Peek<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    A: Watched,
    B: Body + Unpin,
    B::Error: 'static,
{
    type Response = Response<PeekedBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (head, body) = request.into_parts();
        let (body, sending) = body.watched();
        ResponseFuture::new(self.inner.call(Request::from_parts(head, body)), sending, self.longest)
    }
}
