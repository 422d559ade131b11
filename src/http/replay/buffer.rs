use std::{fmt, sync::Arc};

use ::http_body::{Body, SizeHint};
use bytes::Bytes;

use super::{config::Replay, recording::Recording, shared_recording::SharedRecording};
use crate::http::size_hint::with_read;

/// Records a body while it is sent. Dropping the buffer, when the request has been answered, stops
/// the recording.
pub struct ReplayBuffer<B> {
    pub(super) recording: Arc<SharedRecording<B>>,
}

impl<B: Body<Data = Bytes>> ReplayBuffer<B> {
    /// Starts a recording. Returns the body unchanged if it announces more than the limit.
    pub(super) fn record(source: B, replay: &Replay) -> Result<Self, B> {
        let size = source.size_hint();
        if size.lower() > replay.max_body as u64 {
            return Err(source);
        }
        let recording = Recording::new(source, &size, replay.max_body, Arc::clone(&replay.memory));
        Ok(Self { recording: Arc::new(SharedRecording::new(recording)) })
    }
}

impl<B> ReplayBuffer<B> {
    /// Whether no further reader can start.
    pub(super) fn is_incomplete(&self) -> bool {
        self.recording.lock().is_incomplete
    }
}

impl<B: Body> ReplayBuffer<B> {
    /// The size hint of the whole body.
    pub(super) fn size_hint(&self) -> SizeHint {
        let remaining = self.recording.remaining_size();
        let recording = self.recording.lock();
        if recording.is_incomplete {
            return SizeHint::default();
        }
        with_read(recording.chunks.bytes() as u64, &remaining)
    }

    /// Whether the body is known to be empty.
    pub(super) fn is_empty(&self) -> bool {
        let recording = self.recording.lock();
        let nothing_recorded = !recording.is_incomplete && recording.chunks.bytes() == 0;
        drop(recording);
        nothing_recorded && self.recording.is_exhausted()
    }
}

impl<B> Drop for ReplayBuffer<B> {
    fn drop(&mut self) {
        self.recording.lock().abandon();
    }
}

impl<B> fmt::Debug for ReplayBuffer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recording = self.recording.lock();
        f.debug_struct("ReplayBuffer")
            .field("bytes", &recording.chunks.bytes())
            .field("is_incomplete", &recording.is_incomplete)
            .finish_non_exhaustive()
    }
}
