use std::{
    task::{Context, Poll},
    time::Duration,
};

use ::http::{Request, Response};
use ::http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{PeekedBody, ResponseFuture, TrackBody};

/// Waits for the first frame of each response, so that the retry and the breaker see a status that
/// the server sends in trailers. Put it innermost, next to the channel.
///
/// A server may send headers, fail, and report the failure in trailers. Without this layer, such a
/// call counts as a success, because its headers contain no error. With this layer, the first frame
/// decides:
///
/// - If it is trailers, or the body ends, the status is known, and the retry may make another
///   attempt.
/// - If it is part of a message, the layer returns the response, and nothing that follows is
///   retried.
///
/// ```text
///           headers        trailers: UNAVAILABLE
/// without: ──┴─▶ caller ────┴─▶ caller             the retry counts a success
/// with:    ──┴──────────────┴─▶ retry: attempt 2
/// ```
///
/// # When it doesn't wait
///
/// - While the request is still being sent, because a streaming client may wait for the headers
///   before it continues. The layer then reads only what is available at once.
/// - After [one second](Self::max_wait) by default, because an event stream may be silent for
///   hours, and its caller may need the headers.
///
/// In both cases the layer returns the response, and the caller gets the whole body.
///
/// # When not to use it
///
/// Around a server: the layer would delay the headers of its responses. Statuses in trailers matter
/// to clients, which retry.
///
/// # Errors
///
/// The errors of the inner service.
///
/// # Clone
///
/// The layer has no shared state.
///
/// # Cancel safety
///
/// Dropping the future drops the inner call, or the response.
#[derive(Debug, Clone, Copy)]
pub struct PeekLayer {
    max_wait: Duration,
}

impl Default for PeekLayer {
    fn default() -> Self {
        Self { max_wait: Duration::from_secs(1) }
    }
}

impl PeekLayer {
    /// Makes a layer that waits for up to one second.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the longest wait for the first frame. `Duration::MAX` waits without limit.
    pub fn max_wait(self, max_wait: Duration) -> Self {
        Self { max_wait }
    }
}

impl<S> Layer<S> for PeekLayer {
    type Service = Peek<S>;

    fn layer(&self, inner: S) -> Peek<S> {
        Peek { inner, max_wait: self.max_wait }
    }
}

/// Returns each response together with the first frame of its body. Made by [`PeekLayer`].
#[derive(Debug, Clone)]
pub struct Peek<S> {
    inner: S,
    max_wait: Duration,
}

crate::service::call_methods!(Peek<S>);

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Peek<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ReqBody: TrackBody,
    ResBody: Body + Unpin,
    ResBody::Error: 'static,
{
    type Response = Response<PeekedBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (head, body) = request.into_parts();
        let (body, progress) = body.track();
        ResponseFuture::new(self.inner.call(Request::from_parts(head, body)), progress, self.max_wait)
    }
}
