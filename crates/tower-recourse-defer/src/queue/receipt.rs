use super::JobKey;

/// The answer of a queue that has stored a job, or holds it already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    key: JobKey,
    is_new: bool,
}

impl Receipt {
    /// Makes a receipt.
    pub fn new(key: JobKey, is_new: bool) -> Self {
        Self { key, is_new }
    }

    /// The key of the job, by which [`Queue::status`](super::Queue::status) finds it.
    pub fn key(&self) -> &JobKey {
        &self.key
    }

    /// Whether the job was stored now. Otherwise, the queue already held a job with this key, which
    /// stays as it is: waiting, running, done or dead.
    pub fn is_new(&self) -> bool {
        self.is_new
    }
}
