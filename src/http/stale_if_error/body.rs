use std::{
    pin::Pin,
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use bytes::Bytes;
use pin_project_lite::pin_project;

use super::recording::Recording;
use crate::http::ResponseBody;

/// The response body of a service with a [`StaleIfErrorLayer`](super::StaleIfErrorLayer): that of
/// the inner service, or a stored one.
pub type LastGoodBody<B> = ResponseBody<RecordedBody<B>>;

pin_project! {
    /// A response body that the layer copies while the caller reads it. Frames pass unchanged. If
    /// the body ends well, the layer stores the copy.
    #[derive(Debug)]
    pub struct RecordedBody<B> {
        #[pin]
        body: B,
        recording: Option<Box<Recording>>,
    }

    impl<B> PinnedDrop for RecordedBody<B> {
        fn drop(this: Pin<&mut Self>) {
            // A caller might not poll again after it has received all bytes.
            if let Some(recording) = this.project().recording.take().filter(|recording| recording.has_all_bytes()) {
                recording.finish();
            }
        }
    }
}

impl<B> RecordedBody<B> {
    /// A body that isn't recorded.
    pub(super) fn plain(body: B) -> Self {
        Self { body, recording: None }
    }

    /// The inner body.
    pub fn get_ref(&self) -> &B {
        &self.body
    }
}

impl<B: Body> RecordedBody<B> {
    /// Records a body from its start.
    pub(super) fn record(&mut self, recording: Box<Recording>) {
        if self.body.is_end_stream() {
            recording.finish();
        } else {
            self.recording = Some(recording);
        }
    }
}

impl<B: Body<Data = Bytes>> Body for RecordedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        // On the stack while the body is polled: if that panics, the response isn't stored.
        let Some(recording) = this.recording.take() else { return this.body.poll_frame(cx) };
        let polled = this.body.as_mut().poll_frame(cx);
        match &polled {
            Poll::Pending => *this.recording = Some(recording),
            Poll::Ready(None) => recording.finish(),
            Poll::Ready(Some(Err(_))) => {}
            Poll::Ready(Some(Ok(frame))) => match recording.add(frame) {
                // A caller that sees that this is the last frame might not poll again.
                Some(recording) if this.body.is_end_stream() => recording.finish(),
                recording => *this.recording = recording,
            },
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
