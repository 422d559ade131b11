use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use ::http::Response;
use ::http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::received_body::ReceivedBody;
use crate::{Verdict, breaker::Permit, classify::failure_text::unclassified_failure_info};

pin_project! {
    /// A response body that holds the permit of its call until it ends. See the [module](super).
    pub struct TrackedBody<B> {
        #[pin]
        body: B,
        // `None` after the call has been recorded.
        permit: Option<Permit>,
        received: ReceivedBody,
    }
}

impl<B: Body> TrackedBody<B> {
    /// Wraps the body of the response.
    pub(super) fn of(response: Response<B>, permit: Option<Permit>) -> Response<Self> {
        let received = if permit.is_some() { ReceivedBody::of(&response) } else { ReceivedBody::unknown() };
        response.map(|body| {
            let mut tracked = Self { body, permit, received };
            // A caller might not poll a body that is already at its end, so record the call now.
            if received.is_complete() || tracked.body.is_end_stream() {
                if let Some(permit) = tracked.permit.take() {
                    received.end_permit(permit, None);
                }
            }
            tracked
        })
    }
}

impl<B> TrackedBody<B> {
    /// The inner body.
    pub fn get_ref(&self) -> &B {
        &self.body
    }
}

/// The body of a response that is made without a call: nothing is recorded at its end.
impl<B: Default> Default for TrackedBody<B> {
    fn default() -> Self {
        Self { body: B::default(), permit: None, received: ReceivedBody::unknown() }
    }
}

impl<B: Body<Error: 'static>> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        // The permit is on the stack while the body is polled: if the body panics, dropping the
        // permit records a failure.
        let Some(mut permit) = this.permit.take() else { return this.body.poll_frame(cx) };
        permit.attribute_panics(true);
        let polled = this.body.as_mut().poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Err(error))) => {
                permit.end_with(Verdict::transient(), &|| Some(unclassified_failure_info(error)));
            }
            Poll::Ready(None) => this.received.end_permit(permit, None),
            Poll::Ready(Some(Ok(frame))) => {
                this.received.count(frame);
                // A caller that sees that this is the last frame might not poll again.
                if frame.is_trailers() || this.received.is_complete() || this.body.is_end_stream() {
                    this.received.end_permit(permit, frame.trailers_ref());
                } else {
                    permit.attribute_panics(false);
                    *this.permit = Some(permit);
                }
            }
            Poll::Pending => {
                permit.attribute_panics(false);
                *this.permit = Some(permit);
            }
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

impl<B: fmt::Debug> fmt::Debug for TrackedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackedBody").field("body", &self.body).field("recorded", &self.permit.is_none()).finish()
    }
}
