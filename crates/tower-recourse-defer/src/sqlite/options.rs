use std::time::Duration;

use crate::{Clock, QueueLimits};

/// The settings of a [`SqliteQueue`](super::SqliteQueue).
///
/// | setting | default | why |
/// |---|---|---|
/// | [`name`](Self::name) | `default` | one queue per file |
/// | [`limits`](Self::limits) | 100,000 jobs of at most 1 MiB | see [`QueueLimits`] |
/// | [`busy_timeout`](Self::busy_timeout) | 5 s | another process may hold the file's write lock for a moment |
/// | [`clock`](Self::clock) | the system's clock | due times survive the process |
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(super) name: String,
    pub(super) limits: QueueLimits,
    pub(super) clock: Clock,
    pub(super) busy_timeout: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            limits: QueueLimits::default(),
            clock: Clock::system(),
            busy_timeout: Duration::from_secs(5),
        }
    }
}

impl SqliteOptions {
    /// The name of the queue. Several queues can share a file.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The limits of the queue.
    pub fn limits(mut self, limits: QueueLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How long an operation waits while another connection holds the file's write lock. After it,
    /// the operation fails with [`QueueError::Database`](crate::QueueError::Database).
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// The clock of the queue. All processes that share the file must use the same time.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}
