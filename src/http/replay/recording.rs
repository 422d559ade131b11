use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use ::http::HeaderMap;
use ::http_body::{Body, SizeHint};

use super::{chunks::RecordedChunks, memory_limit::MemoryLimit};

/// A body that is being recorded, and the position of its newest reader.
pub(super) struct Recording<B> {
    /// `None` while a task polls it, and after its end.
    pub(super) source: Option<B>,
    pub(super) chunks: RecordedChunks,
    pub(super) trailers: Option<HeaderMap>,
    /// Whether the source announced an exact length.
    pub(super) is_exact: bool,
    /// How many bytes of the announced lower bound the source hasn't yielded yet.
    bytes_owed: u64,
    /// Whether the source has ended.
    pub(super) has_ended: bool,
    /// Number of the newest reader. Older readers are superseded.
    pub(super) reader: u32,
    /// Index of the next recorded chunk for the newest reader.
    next_chunk: usize,
    /// The waker of the newest reader, if it waits for the source.
    pub(super) waiting: Option<Waker>,
    /// The newest reader waits because another task has the source.
    pub(super) waits_for_return: bool,
    /// No further reader can start: the body is too large, or it failed.
    pub(super) is_incomplete: bool,
    /// Recorded chunks were dropped before the newest reader got them.
    pub(super) has_gap: bool,
    /// The buffer was dropped, so no further reader will start.
    is_abandoned: bool,
}

/// Locks a recording. No user code runs under the lock, so its poisoning doesn't matter.
pub(super) fn lock<B>(recording: &Mutex<Recording<B>>) -> MutexGuard<'_, Recording<B>> {
    recording.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body> Recording<B> {
    pub(super) fn new(source: B, size: &SizeHint, max_bytes: usize, memory: Arc<MemoryLimit>) -> Self {
        Self {
            source: Some(source),
            chunks: RecordedChunks::new(max_bytes, memory),
            trailers: None,
            is_exact: size.exact().is_some(),
            bytes_owed: size.lower(),
            has_ended: false,
            reader: 0,
            next_chunk: 0,
            waiting: None,
            waits_for_return: false,
            is_incomplete: false,
            has_gap: false,
            is_abandoned: false,
        }
    }
}

impl<B> Recording<B> {
    /// The `next_chunk` of a reader that has read all recorded chunks.
    const ALL: usize = usize::MAX;

    /// Starts a reader at the first chunk. Returns its number.
    pub(super) fn start_reader(&mut self) -> u32 {
        self.chunks.seal();
        self.reader += 1;
        self.next_chunk = 0;
        self.waits_for_return = false;
        self.reader
    }

    /// The next recorded chunk for the newest reader.
    pub(super) fn next_chunk(&mut self) -> Option<bytes::Bytes> {
        let chunk = self.chunks.get(self.next_chunk)?;
        self.next_chunk += 1;
        Some(chunk)
    }

    /// How many recorded bytes the newest reader hasn't read yet.
    pub(super) fn bytes_left(&self) -> u64 {
        self.chunks.bytes_from(self.next_chunk)
    }

    /// Records a chunk, if a reader may need it. A chunk that a superseded reader received is
    /// always needed, because the newest reader hasn't read it.
    pub(super) fn record(&mut self, chunk: &[u8], is_newest: bool) {
        self.bytes_owed = self.bytes_owed.saturating_sub(chunk.len() as u64);
        let is_needed = !is_newest || !(self.is_incomplete || self.is_abandoned);
        let is_recorded = is_needed && !self.is_incomplete && self.chunks.push(chunk);
        if is_needed && !is_recorded {
            self.give_up(is_newest);
        }
        if is_newest {
            self.next_chunk = Self::ALL;
        } else {
            self.chunks.seal();
        }
    }

    /// Records the end of the source. If the source announced more bytes, the body is incomplete
    /// and must not be resent, so no further reader can start. The newest reader still gets what
    /// was recorded.
    pub(super) fn end(&mut self, is_newest: bool) {
        self.has_ended = true;
        match self.bytes_owed {
            0 => {}
            _ if is_newest => self.give_up(is_newest),
            _ => self.is_incomplete = true,
        }
    }

    /// Drops the recorded chunks: no further reader can start.
    pub(super) fn give_up(&mut self, is_newest: bool) {
        self.is_incomplete = true;
        self.has_gap |= !is_newest;
        self.chunks.clear();
        self.next_chunk = 0;
    }

    /// Ends the recording when the buffer is dropped.
    pub(super) fn abandon(&mut self) {
        self.is_abandoned = true;
        self.free_if_abandoned();
    }

    /// Frees the chunks when they have all been read and no further reader will start.
    pub(super) fn free_if_abandoned(&mut self) {
        if self.is_abandoned && self.next_chunk >= self.chunks.len() {
            self.chunks.clear();
            self.next_chunk = 0;
        }
    }
}
