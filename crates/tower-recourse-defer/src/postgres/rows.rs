//! The values of a new job, and the values in a row.

use tokio_postgres::{Row, types::ToSql};

use crate::{ClaimedJob, Clock, DeadLetter, DeadReason, History, JobKey, Lease, NewJob, queue::millis_until};

/// The values of the statement `put`.
pub(super) struct PutValues<'a> {
    key: &'a str,
    payload: &'a [u8],
    attempts: i64,
    due_in: i64,
    history: String,
}

impl<'a> PutValues<'a> {
    pub(super) fn new(job: &'a NewJob) -> Self {
        Self {
            key: job.key().as_str(),
            payload: job.payload(),
            attempts: job.attempts().into(),
            due_in: job.due_in_millis(),
            history: job.history(Clock::system().now()).to_json(),
        }
    }

    pub(super) fn of_queue<'b>(&'b self, queue: &'b String, topic: &'b String) -> [&'b (dyn ToSql + Sync); 7] {
        [queue, &self.key, &self.payload, &self.attempts, &self.due_in, &self.history, topic]
    }
}

pub(super) fn claimed_job(row: &Row) -> ClaimedJob {
    ClaimedJob {
        lease: Lease { key: key(row), token: row.get(4) },
        payload: row.get(1),
        age: millis_until(row.get(6), row.get(7)),
        attempts: count(row, 2),
        claims: count(row, 3),
        history: History::from_json(row.get(5)),
    }
}

pub(super) fn dead_letter(row: &Row) -> DeadLetter {
    DeadLetter {
        key: key(row),
        reason: DeadReason::from_label(row.get::<_, Option<String>>(1).unwrap_or_default()),
        payload: row.get(2),
        attempts: count(row, 3),
        history: History::from_json(row.get(4)),
        died_at: row.get(5),
    }
}

fn key(row: &Row) -> JobKey {
    JobKey::stored(row.get(0))
}

fn count(row: &Row, column: usize) -> u32 {
    u32::try_from(row.get::<_, i64>(column)).unwrap_or(u32::MAX)
}

pub(super) fn unsigned(row: &Row, column: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(column)).unwrap_or(0)
}
