//! The statements, on a connection.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::schema::database;
use crate::{
    Claim, ClaimedJob, Counts, DeadLetter, DeadReason, Finished, History, JobKey, JobStatus, JobUpdate, Lease, NewJob,
    NextState, QueueError,
    queue::{StatusRow, millis, millis_until},
};

/// A queue of a file, at a time.
pub(super) struct At<'a> {
    pub(super) connection: &'a Connection,
    pub(super) queue: &'a str,
    pub(super) now: i64,
}

type Result<T> = std::result::Result<T, QueueError>;

impl At<'_> {
    /// Inserts the job. False: the queue holds the key.
    pub(super) fn insert(&self, job: &NewJob) -> Result<bool> {
        // The tokens of a key begin at the current time. So a worker that was suspended until its
        // job was purged and stored again doesn't hold a valid token.
        let insert = "insert into recourse_jobs (queue, key, payload, attempts, due, stored, token, history)
            values (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7) on conflict do nothing";
        let (due, history) = (self.now.saturating_add(job.due_in_millis()), job.history(self.now).to_json());
        let values = params![self.queue, job.key().as_str(), job.payload(), job.attempts(), due, self.now, history];
        Ok(self.execute(insert, values)? == 1)
    }

    /// The number of jobs that aren't done.
    pub(super) fn jobs(&self) -> Result<u64> {
        let count = "select count(*) from recourse_jobs where queue = ?1 and state in ('waiting', 'dead')";
        self.connection.query_row(count, [self.queue], |row| unsigned(row, 0)).map_err(database)
    }

    pub(super) fn claim(&self, limit: u32, lease: i64) -> Result<Claim> {
        let claim = "update recourse_jobs set leased = 1, due = ?2 + ?3, token = token + 1, claims = claims + 1
            where rowid in (select rowid from recourse_jobs
                where queue = ?1 and state = 'waiting' and due <= ?2 order by due limit ?4)
            returning key, payload, attempts, claims, token, history, stored";
        let values = params![self.queue, self.now, lease, limit];
        let jobs = self.rows(claim, values, |row| {
            Ok(ClaimedJob {
                lease: Lease { key: key(row, 0)?, token: row.get(4)? },
                payload: row.get(1)?,
                age: millis_until(row.get(6)?, self.now),
                attempts: count(row, 2)?,
                claims: count(row, 3)?,
                history: History::from_json(&text(row, 5)?),
            })
        })?;
        if jobs.len() >= limit as usize {
            return Ok(Claim { jobs, next_due: None });
        }
        let next = "select min(due) from recourse_jobs where queue = ?1 and state = 'waiting'";
        let next: Option<i64> = self.connection.query_row(next, [self.queue], |row| row.get(0)).map_err(database)?;
        Ok(Claim { jobs, next_due: next.map(|due| millis_until(self.now, due)) })
    }

    pub(super) fn renew(&self, lease: &Lease, by: i64) -> Result<bool> {
        let renew = "update recourse_jobs set due = ?4
            where queue = ?1 and key = ?2 and token = ?3 and leased = 1 and state = 'waiting'";
        let end = self.now.saturating_add(by);
        Ok(self.execute(renew, params![self.queue, lease.key.as_str(), lease.token, end])? == 1)
    }

    pub(super) fn settle(&self, lease: &Lease, update: &JobUpdate) -> Result<bool> {
        let settle = "update recourse_jobs
            set state = ?4, due = ?5, attempts = ?6, claims = ?7, reason = ?8, history = ?9, leased = 0
            where queue = ?1 and key = ?2 and token = ?3 and leased = 1 and state = 'waiting'";
        let (state, due, reason) = match &update.state {
            NextState::Waiting { due_in } => ("waiting", self.now.saturating_add(millis(*due_in)), None),
            NextState::Done => ("done", self.now, None),
            NextState::Dead { reason } => ("dead", self.now, Some(reason.label())),
        };
        let (attempts, claims, history) = (update.attempts, update.claims, update.history.to_json());
        let values =
            params![self.queue, lease.key.as_str(), lease.token, state, due, attempts, claims, reason, history];
        Ok(self.execute(settle, values)? == 1)
    }

    pub(super) fn status(&self, key: &JobKey) -> Result<Option<JobStatus>> {
        let status = "select state, attempts, due, leased, reason, history from recourse_jobs
            where queue = ?1 and key = ?2";
        let row = self.connection.query_row(status, params![self.queue, key.as_str()], |row| {
            Ok(StatusRow {
                state: row.get(0)?,
                attempts: row.get(1)?,
                due: row.get(2)?,
                leased: row.get(3)?,
                reason: row.get(4)?,
                history: text(row, 5)?,
            })
        });
        Ok(row.optional().map_err(database)?.map(|row| row.into_status(key.clone(), self.now)))
    }

    pub(super) fn counts(&self) -> Result<Counts> {
        let counts = "select count(*) filter (where state = 'waiting' and leased = 0),
            count(*) filter (where leased = 1), count(*) filter (where state = 'done'),
            count(*) filter (where state = 'dead'), min(due) filter (where state = 'waiting')
            from recourse_jobs where queue = ?1";
        let row = |row: &Row<'_>| {
            let due: Option<i64> = row.get(4)?;
            Ok(Counts {
                waiting: unsigned(row, 0)?,
                running: unsigned(row, 1)?,
                done: unsigned(row, 2)?,
                dead: unsigned(row, 3)?,
                late: due.filter(|due| *due <= self.now).map(|due| millis_until(due, self.now)),
            })
        };
        self.connection.query_row(counts, [self.queue], row).map_err(database)
    }

    pub(super) fn dead_letters(&self, after: Option<&JobKey>, limit: u32) -> Result<Vec<DeadLetter>> {
        let dead = "select key, reason, payload, attempts, history, due from recourse_jobs
            where queue = ?1 and state = 'dead' and key > ?2 order by key limit ?3";
        self.rows(dead, params![self.queue, after.map_or("", JobKey::as_str), limit], |row| {
            Ok(DeadLetter {
                key: key(row, 0)?,
                reason: DeadReason::from_label(row.get::<_, Option<String>>(1)?.unwrap_or_default()),
                payload: row.get(2)?,
                attempts: count(row, 3)?,
                history: History::from_json(&text(row, 4)?),
                died_at: row.get(5)?,
            })
        })
    }

    pub(super) fn requeue(&self, key: &JobKey) -> Result<bool> {
        let requeue = "update recourse_jobs set state = 'waiting', due = ?3, attempts = 0, claims = 0, reason = null
            where queue = ?1 and key = ?2 and state = 'dead'";
        Ok(self.execute(requeue, params![self.queue, key.as_str(), self.now])? == 1)
    }

    pub(super) fn requeue_all(&self, spacing: i64) -> Result<u64> {
        let requeue = "update recourse_jobs set state = 'waiting', due = ?2 + numbered.place * ?3, attempts = 0,
            claims = 0, reason = null
            from (select rowid as id, row_number() over (order by due) - 1 as place from recourse_jobs
                where queue = ?1 and state = 'dead') as numbered
            where recourse_jobs.rowid = numbered.id";
        Ok(self.execute(requeue, params![self.queue, self.now, spacing])? as u64)
    }

    pub(super) fn purge(&self, which: Finished, older_than: i64) -> Result<u64> {
        let purge = "delete from recourse_jobs where rowid in (select rowid from recourse_jobs
            where queue = ?1 and state = ?2 and due <= ?3 order by due limit 10000)";
        let state = match which {
            Finished::Done => "done",
            Finished::Dead => "dead",
        };
        Ok(self.execute(purge, params![self.queue, state, self.now.saturating_sub(older_than)])? as u64)
    }

    fn execute(&self, statement: &str, values: impl rusqlite::Params) -> Result<usize> {
        self.connection.execute(statement, values).map_err(database)
    }

    fn rows<T>(
        &self,
        statement: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare(statement).map_err(database)?;
        let rows = statement.query_map(values, read).map_err(database)?;
        rows.collect::<rusqlite::Result<_>>().map_err(database)
    }
}

/// Begins a transaction that holds the write lock from its start, so that it can't fail in its
/// middle because another connection writes.
pub(super) fn begin(connection: &mut Connection) -> Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)
}

fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<JobKey> {
    Ok(JobKey::stored(text(row, column)?))
}

/// A text. SQLite doesn't check whether it is UTF-8, and one damaged row must not stop the others.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes()?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u32> {
    Ok(u32::try_from(row.get::<_, i64>(column)?).unwrap_or(u32::MAX))
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}
