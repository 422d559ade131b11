use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{BodyLimit, limits::Limits, timer::Timer};
use crate::http::retire_connection::ConnectionHandle;

pin_project! {
    /// A response body with time limits. See the [module](super).
    pub struct TimeoutBody<B> {
        // `None` after a limit was exceeded, and in a body that was made by `default()`.
        #[pin]
        body: Option<B>,
        timer: Timer,
        exceeded: bool,
        // Set if a `RetireConnectionLayer` is inside.
        connection: Option<ConnectionHandle>,
    }
}

impl<B: Body> TimeoutBody<B> {
    pub(super) fn new(body: B, limits: Limits, connection: Option<ConnectionHandle>) -> Self {
        let timer = if body.is_end_stream() { Timer::unlimited() } else { Timer::new(limits) };
        Self { body: Some(body), timer, exceeded: false, connection }
    }
}

impl<B> TimeoutBody<B> {
    /// The inner body. `None` after a limit was exceeded.
    pub fn get_ref(&self) -> Option<&B> {
        self.body.as_ref()
    }
}

/// An empty body, for responses that a layer makes without a call. tonic's interceptors require the
/// body type to implement `Default`, but their own body type doesn't implement it. So this impl has
/// no `B: Default` bound.
impl<B> Default for TimeoutBody<B> {
    fn default() -> Self {
        Self { body: None, timer: Timer::unlimited(), exceeded: false, connection: None }
    }
}

impl<B> Body for TimeoutBody<B>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = B::Data;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let mut this = self.project();
        let Some(mut body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        // Poll the body before the timer: a frame that arrived in time is delivered, even if the
        // consumer polls late.
        let elapsed = match body.as_mut().poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let elapsed = this.timer.frame_received();
                // At the end of the stream the body is complete, so the limit no longer matters.
                match elapsed.filter(|_| frame.is_data() && !body.is_end_stream()) {
                    None => return Poll::Ready(Some(Ok(frame))),
                    Some(elapsed) => elapsed,
                }
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {
                let elapsed = ready!(this.timer.poll(cx));
                // The total limit also ends a body that the server sends steadily.
                if let (BodyLimit::Idle, Some(connection)) = (elapsed.kind(), this.connection) {
                    connection.body_timed_out();
                }
                elapsed
            }
        };
        *this.exceeded = true;
        // Dropping the body makes HTTP/1 close the connection and HTTP/2 reset the stream.
        this.body.set(None);
        Poll::Ready(Some(Err(elapsed.into())))
    }

    fn is_end_stream(&self) -> bool {
        !self.exceeded && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Some(body) => body.size_hint(),
            // Report no exact size: a server that forwards the body would announce it as the length
            // of a complete body.
            None if self.exceeded => SizeHint::default(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl<B: fmt::Debug> fmt::Debug for TimeoutBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutBody")
            .field("body", &self.body)
            .field("exceeded", &self.exceeded)
            .finish_non_exhaustive()
    }
}
