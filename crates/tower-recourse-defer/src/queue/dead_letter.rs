use std::fmt;

use super::{DeadReason, History, JobKey};

/// A job that failed for good. It stays in the queue until it is requeued or purged.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The key.
    pub key: JobKey,
    /// Why it failed for good.
    pub reason: DeadReason,
    /// The encoded request.
    pub payload: Vec<u8>,
    /// How many attempts were made.
    pub attempts: u32,
    /// What happened to it.
    pub history: History,
    /// When it failed for good, in milliseconds since the start of 1970.
    pub died_at: i64,
}

/// Shows the payload's length only, because the payload may contain secrets.
impl fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("key", &self.key)
            .field("reason", &self.reason)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("attempts", &self.attempts)
            .field("history", &self.history)
            .field("died_at", &self.died_at)
            .finish()
    }
}

/// Jobs that [`Queue::purge`](super::Queue::purge) removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// Jobs that are done. While a queue holds one, it recognises a second job with the same key.
    Done,
    /// Dead letters.
    Dead,
}
