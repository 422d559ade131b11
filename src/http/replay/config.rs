use std::{fmt, sync::Arc};

use super::memory_limit::MemoryLimit;
use crate::InvalidConfig;

/// Copies HTTP requests so that they can be resent: clones the head, and records the body while it
/// is sent. See the [module](super).
///
/// # Clone
///
/// Clones share the memory limit for all bodies.
#[derive(Clone)]
pub struct Replay {
    pub(super) max_body: usize,
    pub(super) memory: Arc<MemoryLimit>,
    max_memory: usize,
}

impl Default for Replay {
    fn default() -> Self {
        let max_memory = 64 << 20;
        Self { max_body: 64 << 10, memory: Arc::new(MemoryLimit::new(max_memory)), max_memory }
    }
}

impl Replay {
    /// Sets the maximum number of bytes to store per body: 64 KiB by default, like linkerd. With 0,
    /// only empty bodies can be resent.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets the maximum number of bytes to store for all bodies together: 64 MiB by default. The
    /// limit is shared with clones that are made after this call.
    ///
    /// # Errors
    ///
    /// If `bytes` is less than [`max_body`](Self::max_body).
    pub fn max_memory(mut self, bytes: usize) -> Result<Self, InvalidConfig> {
        if bytes < self.max_body {
            return Err(InvalidConfig::new("max_memory", bytes, "at least `max_body`"));
        }
        self.max_memory = bytes;
        self.memory = Arc::new(MemoryLimit::new(bytes));
        Ok(self)
    }

    /// The number of bytes that are stored now.
    pub fn memory_in_use(&self) -> usize {
        self.memory.used()
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("max_body", &self.max_body)
            .field("max_memory", &self.max_memory)
            .field("memory", &self.memory_in_use())
            .finish_non_exhaustive()
    }
}
