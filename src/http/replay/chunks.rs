use std::sync::Arc;

use bytes::Bytes;

use super::memory_limit::MemoryLimit;

/// The recorded chunks of one body.
///
/// The chunks are copies, because a chunk of the source may keep a larger buffer alive. So the
/// number of bytes equals the memory that is held.
pub(super) struct RecordedChunks {
    sealed: Vec<Bytes>,
    /// The unfinished last chunk. Short chunks are appended to it until it has
    /// [`SHORT`](Self::SHORT) bytes.
    growing: Vec<u8>,
    bytes: usize,
    max_bytes: usize,
    memory: Arc<MemoryLimit>,
}

impl RecordedChunks {
    /// Chunks shorter than this many bytes are joined.
    const SHORT: usize = 1024;

    pub(super) fn new(max_bytes: usize, memory: Arc<MemoryLimit>) -> Self {
        Self { sealed: Vec::new(), growing: Vec::new(), bytes: 0, max_bytes, memory }
    }

    /// Copies a chunk. Returns `false` if it exceeds a limit.
    pub(super) fn push(&mut self, chunk: &[u8]) -> bool {
        if self.bytes + chunk.len() > self.max_bytes || !self.memory.try_reserve(chunk.len()) {
            return false;
        }
        self.bytes += chunk.len();
        if self.growing.len() >= Self::SHORT || chunk.len() >= Self::SHORT {
            self.seal();
        }
        // `reserve_exact`, so that the count equals the memory that is held.
        self.growing.reserve_exact(chunk.len());
        self.growing.extend_from_slice(chunk);
        true
    }

    /// Finishes the growing chunk. Only finished chunks can be read.
    pub(super) fn seal(&mut self) {
        if !self.growing.is_empty() {
            self.sealed.push(Bytes::from(std::mem::take(&mut self.growing)));
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Bytes> {
        self.sealed.get(index).cloned()
    }

    /// The number of finished chunks.
    pub(super) fn len(&self) -> usize {
        self.sealed.len()
    }

    /// The number of recorded bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of bytes in the finished chunks from this one on.
    pub(super) fn bytes_from(&self, index: usize) -> u64 {
        self.sealed.iter().skip(index).map(|chunk| chunk.len() as u64).sum()
    }

    pub(super) fn clear(&mut self) {
        self.memory.release(std::mem::take(&mut self.bytes));
        (self.sealed, self.growing) = (Vec::new(), Vec::new());
    }
}

impl Drop for RecordedChunks {
    fn drop(&mut self) {
        self.clear();
    }
}
