use std::{fmt, time::Duration};

use tower_recourse::observe::ErrorText;

use super::{History, HistoryEntry, JobKey};

/// A job to store.
#[derive(Clone, PartialEq, Eq)]
pub struct NewJob {
    key: JobKey,
    payload: Vec<u8>,
    due_in: Duration,
    attempts: u32,
    failure: Option<String>,
}

impl NewJob {
    /// A job without an attempt that is due at once.
    pub fn new(key: JobKey, payload: impl Into<Vec<u8>>) -> Self {
        Self { key, payload: payload.into(), due_in: Duration::ZERO, attempts: 0, failure: None }
    }

    /// Sets the time until the job is due. Queues round it to milliseconds.
    pub fn due_in(mut self, due_in: Duration) -> Self {
        self.due_in = due_in;
        self
    }

    /// States how many attempts were already made, and why the last one failed. The job's history
    /// begins with it. The text is escaped, and cut at 256 bytes.
    pub fn failed(mut self, attempts: u32, failure: &str) -> Self {
        self.attempts = attempts;
        self.failure = Some(ErrorText::text(failure).to_string());
        self
    }

    /// The key.
    pub fn key(&self) -> &JobKey {
        &self.key
    }

    /// The encoded request.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The time until the job is due, in milliseconds.
    pub fn due_in_millis(&self) -> i64 {
        millis(self.due_in)
    }

    /// How many attempts were already made.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The history of the stored job. `now` is the time of the queue.
    pub fn history(&self, now: i64) -> History {
        let mut history = History::default();
        if let Some(failure) = &self.failure {
            history.push(HistoryEntry::new(now, self.attempts, "deferred", failure));
        }
        history
    }
}

/// Shows the payload's length only, because the payload may contain secrets.
impl fmt::Debug for NewJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewJob")
            .field("key", &self.key)
            .field("payload", &format_args!("{} bytes", self.payload.len()))
            .field("due_in", &self.due_in)
            .field("attempts", &self.attempts)
            .field("failure", &self.failure)
            .finish()
    }
}

/// Whole milliseconds, at most 100 years, so that sums don't overflow.
pub(crate) fn millis(time: Duration) -> i64 {
    const LONGEST: i64 = 100 * 365 * 86_400_000;
    i64::try_from(time.as_millis()).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClaimedJob, DeadLetter, DeadReason, Lease};

    #[test]
    fn no_debug_text_contains_a_payload() {
        let (key, payload) = (JobKey::random(), b"card 4111".to_vec());
        let job = NewJob::new(key.clone(), payload.clone());
        let lease = Lease { key: key.clone(), token: 1 };
        let (attempts, history) = (0, History::default());
        let claimed = ClaimedJob {
            lease,
            payload: payload.clone(),
            age: Duration::ZERO,
            attempts,
            claims: 1,
            history: history.clone(),
        };
        let dead = DeadLetter { key, reason: DeadReason::Permanent, payload, attempts, history, died_at: 0 };
        for text in [format!("{job:?}"), format!("{claimed:?}"), format!("{dead:?}")] {
            assert!(text.contains("payload: 9 bytes") && !text.contains("4111"), "{text}");
            assert!(!text.contains("52, 49"), "{text}");
        }
    }
}
