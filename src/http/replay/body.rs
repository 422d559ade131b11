use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use bytes::Bytes;

use super::{
    ReplayBuffer, ReplayError, Superseded,
    shared_recording::{ReadStep, SharedRecording},
    source::SourceOutcome,
};
use crate::http::size_hint::with_read;

/// A body that yields the recorded chunks first, and then records and yields the rest of the
/// source.
pub struct ReplayBody<B> {
    recording: Arc<SharedRecording<B>>,
    /// The number of this reader of the recording.
    reader: u32,
    done: bool,
}

impl<B> ReplayBody<B> {
    /// Starts a new reader at the beginning of the body, and supersedes the reader before it.
    /// Returns `None` if the body can't be resent.
    pub(super) fn start(buffer: &ReplayBuffer<B>) -> Option<Self> {
        let reader = buffer.recording.start_reader()?;
        Some(Self { recording: Arc::clone(&buffer.recording), reader, done: false })
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for ReplayBody<B> {
    type Data = Bytes;
    type Error = ReplayError<B::Error>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if this.done {
            return Poll::Ready(None);
        }
        let mut source = match this.recording.next(this.reader, cx.waker()) {
            ReadStep::Chunk(chunk) => return Poll::Ready(Some(Ok(Frame::data(chunk)))),
            ReadStep::PollSource(source) => source,
            ReadStep::Wait => return Poll::Pending,
            ReadStep::End(trailers) => {
                this.done = true;
                return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
            }
            ReadStep::Superseded => {
                this.done = true;
                return Poll::Ready(Some(Err(ReplayError::Superseded(Superseded))));
            }
            ReadStep::Gap => {
                this.done = true;
                return Poll::Ready(Some(Err(ReplayError::NotStored)));
            }
        };
        let polled = Pin::new(source.get_mut()).poll_frame(cx);
        let outcome = match &polled {
            Poll::Pending => SourceOutcome::Pending(cx.waker().clone()),
            Poll::Ready(Some(Ok(frame))) => match (frame.data_ref(), frame.trailers_ref()) {
                (Some(chunk), _) => SourceOutcome::Data(chunk),
                (None, Some(trailers)) => SourceOutcome::Trailers(trailers.clone()),
                (None, None) => SourceOutcome::Nothing,
            },
            Poll::Ready(Some(Err(_))) => SourceOutcome::Failed,
            Poll::Ready(None) => SourceOutcome::End,
        };
        this.done = matches!(outcome, SourceOutcome::Trailers(_) | SourceOutcome::End | SourceOutcome::Failed);
        let is_newest = source.give_back(outcome);
        if !is_newest && polled.is_pending() {
            // A newer reader started while the source was being polled. Its start wakes only
            // readers that were already waiting, so end here instead of waiting.
            this.done = true;
            return Poll::Ready(Some(Err(ReplayError::Superseded(Superseded))));
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(ReplayError::Body)))
    }

    fn is_end_stream(&self) -> bool {
        // A superseded reader has to yield its error first, so it isn't at the end yet.
        self.done
            || (self.recording.is_newest(self.reader)
                && self.recording.bytes_left() == 0
                && self.recording.is_exhausted())
    }

    fn size_hint(&self) -> SizeHint {
        if self.done {
            return SizeHint::with_exact(0);
        }
        with_read(self.recording.bytes_left(), &self.recording.remaining_size())
    }
}

impl<B> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBody").field("reader", &self.reader).field("done", &self.done).finish_non_exhaustive()
    }
}
