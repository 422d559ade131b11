use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{layer::Limits, timer::Timer};

pin_project! {
    /// A response body with time limits. See the [module](super).
    pub struct TimeoutBody<B> {
        // `None` once a limit was exceeded, and where there never was one.
        #[pin]
        body: Option<B>,
        timer: Timer,
        exceeded: bool,
    }
}

impl<B: Body> TimeoutBody<B> {
    pub(super) fn new(body: B, limits: Limits) -> Self {
        let timer = if body.is_end_stream() { Timer::unlimited() } else { Timer::new(limits) };
        Self { body: Some(body), timer, exceeded: false }
    }
}

impl<B> TimeoutBody<B> {
    /// The body within. `None` once a limit was exceeded.
    pub fn get_ref(&self) -> Option<&B> {
        self.body.as_ref()
    }
}

/// An empty body, for answers that are made without a call. The inner body needs no default: that
/// of tonic's interceptors, which require one here, has none.
impl<B> Default for TimeoutBody<B> {
    fn default() -> Self {
        Self { body: None, timer: Timer::unlimited(), exceeded: false }
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
        // The body first: what is there in time isn't lost because the consumer came late for it.
        let elapsed = match body.as_mut().poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let elapsed = this.timer.came();
                // If this is the end, the body is complete.
                match elapsed.filter(|_| frame.is_data() && !body.is_end_stream()) {
                    None => return Poll::Ready(Some(Ok(frame))),
                    Some(elapsed) => elapsed,
                }
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => std::task::ready!(this.timer.poll(cx)),
        };
        *this.exceeded = true;
        // Its connection can't be used any more: HTTP/1 closes it, HTTP/2 resets the stream.
        this.body.set(None);
        Poll::Ready(Some(Err(elapsed.into())))
    }

    fn is_end_stream(&self) -> bool {
        !self.exceeded && self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Some(body) => body.size_hint(),
            // Nothing that a server could take for the length of a complete body.
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
