use std::{
    sync::{Mutex, MutexGuard},
    task::Waker,
};

use ::http::HeaderMap;
use ::http_body::{Body, SizeHint};
use bytes::Bytes;

use super::{
    recording::{Recording, lock},
    source::TakenSource,
};

/// The recording that a buffer shares with the bodies that read from it.
///
/// The source is user code and is never polled under this lock: a task takes the source out, polls
/// it, and returns it.
pub(super) struct SharedRecording<B>(Mutex<Recording<B>>);

/// What a reader has to do next.
pub(super) enum ReadStep<'a, B> {
    Chunk(Bytes),
    PollSource(TakenSource<'a, B>),
    /// Another reader has the source now. This reader is woken when the source is returned.
    Wait,
    End(Option<HeaderMap>),
    /// A newer reader has started.
    Superseded,
    /// Recorded chunks are missing.
    Gap,
}

impl<B> SharedRecording<B> {
    pub(super) fn new(recording: Recording<B>) -> Self {
        Self(Mutex::new(recording))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Recording<B>> {
        lock(&self.0)
    }

    /// Starts a reader at the beginning of the body, which supersedes the reader before it. Returns
    /// the reader's number, or `None` if the body can't be resent.
    pub(super) fn start_reader(&self) -> Option<u32> {
        let mut recording = self.lock();
        if recording.is_incomplete {
            return None;
        }
        let reader = recording.start_reader();
        let superseded = recording.waiting.take();
        drop(recording);
        // A body source wakes only the task that polled it last. Wake the superseded reader here,
        // so that it ends; otherwise it would keep its connection open until the peer closes it.
        if let Some(superseded) = superseded {
            superseded.wake();
        }
        Some(reader)
    }

    /// Returns what the reader has to do next. If another task has the source, `waker` is woken
    /// when the source is returned.
    pub(super) fn next(&self, reader: u32, waker: &Waker) -> ReadStep<'_, B> {
        let mut cloned_waker = None;
        loop {
            let mut recording = self.lock();
            if recording.reader != reader {
                return ReadStep::Superseded;
            }
            if recording.has_gap {
                return ReadStep::Gap;
            }
            if let Some(chunk) = recording.next_chunk() {
                return ReadStep::Chunk(chunk);
            }
            recording.free_if_abandoned();
            if recording.has_ended {
                return ReadStep::End(recording.trailers.clone());
            }
            if let Some(source) = recording.source.take() {
                return ReadStep::PollSource(TakenSource::new(&self.0, reader, source));
            }
            match cloned_waker.take() {
                Some(waker) => {
                    let former = recording.waiting.replace(waker);
                    recording.waits_for_return = true;
                    drop(recording);
                    drop(former);
                    return ReadStep::Wait;
                }
                // `Waker::clone` is user code, so it runs without the lock. Check again after it.
                None => {
                    drop(recording);
                    cloned_waker = Some(waker.clone());
                }
            }
        }
    }

    pub(super) fn is_newest(&self, reader: u32) -> bool {
        self.lock().reader == reader
    }

    /// How many recorded bytes the newest reader hasn't read yet.
    pub(super) fn bytes_left(&self) -> u64 {
        self.lock().bytes_left()
    }

    /// Takes the source out, to call it without the lock. `None` if another task has it.
    fn take_source(&self) -> Option<TakenSource<'_, B>> {
        let mut recording = self.lock();
        let (reader, source) = (recording.reader, recording.source.take()?);
        Some(TakenSource::new(&self.0, reader, source))
    }
}

impl<B: Body> SharedRecording<B> {
    /// The size hint of what follows the recorded chunks.
    pub(super) fn remaining_size(&self) -> SizeHint {
        let recording = self.lock();
        if recording.has_ended {
            // HTTP/1 sends no trailers after a body with an exact length. If the source announced
            // no exact length, the reader announces none either, so that the trailers are sent.
            let hides_length = recording.trailers.is_some() && !recording.is_exact;
            return if hides_length { SizeHint::default() } else { SizeHint::with_exact(0) };
        }
        drop(recording);
        self.take_source().map_or_else(SizeHint::default, |source| source.inspect(Body::size_hint))
    }

    /// Whether nothing follows the recorded chunks.
    pub(super) fn is_exhausted(&self) -> bool {
        let recording = self.lock();
        if recording.has_ended {
            return recording.trailers.is_none();
        }
        drop(recording);
        self.take_source().is_some_and(|source| source.inspect(Body::is_end_stream))
    }
}
