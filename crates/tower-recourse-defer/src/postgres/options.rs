use std::time::Duration;

use crate::QueueLimits;

/// The settings of a [`PostgresQueue`](super::PostgresQueue).
///
/// | setting | default | why |
/// |---|---|---|
/// | [`name`](Self::name) | `default` | one queue per schema |
/// | [`schema`](Self::schema) | `recourse` | the table stands beside your tables |
/// | [`limits`](Self::limits) | 100,000 jobs of at most 1 MiB | see [`QueueLimits`] |
/// | [`timeout`](Self::timeout) | 10 s | a server that doesn't answer must not hold a caller |
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    pub(super) name: String,
    pub(super) schema: String,
    pub(super) limits: QueueLimits,
    pub(super) timeout: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            schema: "recourse".to_owned(),
            limits: QueueLimits::default(),
            timeout: Duration::from_secs(10),
        }
    }
}

impl PostgresOptions {
    /// The name of the queue. Several queues can share a schema.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The schema of the table: 1 to 63 lower-case letters, digits and underscores.
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// The limits of the queue.
    pub fn limits(mut self, limits: QueueLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The longest time for one operation, and for a new connection. After it, the operation fails
    /// with [`QueueError::Database`](crate::QueueError::Database), and the next one connects again.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}
