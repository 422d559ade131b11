use std::time::Duration;

use tokio_postgres::{Row, types::ToSql};

use super::{
    queue::{PostgresQueue, Shared},
    rows::{PutValues, claimed_job, dead_letter, unsigned},
};
use crate::{
    Claim, Counts, DeadLetter, Finished, JobKey, JobStatus, JobUpdate, Lease, NewJob, NextState, Queue, QueueError,
    Receipt,
    queue::{StatusRow, millis, millis_until},
};

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Shared {
    async fn query(&self, statement: &str, values: Values<'_>) -> Result<Vec<Row>, QueueError> {
        self.sessions.query(statement, values).await
    }

    /// The row of a statement that returns exactly one.
    async fn query_one(&self, statement: &str, values: Values<'_>) -> Result<Row, QueueError> {
        self.query(statement, values).await?.pop().ok_or_else(|| QueueError::database("no row"))
    }

    /// The number of jobs that aren't done, counted now and then.
    async fn jobs(&self) -> Result<u64, QueueError> {
        if let Some(jobs) = self.fill.jobs() {
            return Ok(jobs);
        }
        let jobs = unsigned(&self.query_one(&self.statements.jobs, &[&self.options.name]).await?, 0);
        self.fill.counted(jobs);
        Ok(jobs)
    }
}

impl Queue for PostgresQueue {
    async fn put(&self, job: &NewJob) -> Result<Receipt, QueueError> {
        let shared = &*self.shared;
        shared.options.limits.check(job)?;
        let limit = shared.options.limits.jobs();
        if shared.jobs().await? >= limit {
            // A key that the queue holds needs no room.
            return match self.status(job.key()).await? {
                Some(_) => Ok(Receipt::new(job.key().clone(), false)),
                None => Err(QueueError::Full { limit }),
            };
        }
        let values = PutValues::new(job);
        let values = values.of_queue(&shared.options.name, &shared.sessions.topic);
        let is_new = !shared.query(&shared.statements.put, &values).await?.is_empty();
        if is_new {
            shared.fill.stored();
        }
        Ok(Receipt::new(job.key().clone(), is_new))
    }

    async fn claim(&self, limit: u32, lease: Duration) -> Result<Claim, QueueError> {
        let shared = &*self.shared;
        let (queue, limit, lease) = (&shared.options.name, i64::from(limit), millis(lease));
        let rows = shared.query(&shared.statements.claim, &[queue, &lease, &limit]).await?;
        let jobs = rows.iter().map(claimed_job).collect();
        if rows.len() as i64 >= limit {
            return Ok(Claim { jobs, next_due: None });
        }
        let next = shared.query_one(&shared.statements.next_due, &[queue]).await?;
        let next_due = next.get::<_, Option<i64>>(0).map(|due| millis_until(next.get(1), due));
        Ok(Claim { jobs, next_due })
    }

    async fn renew(&self, lease: &Lease, by: Duration) -> Result<bool, QueueError> {
        let shared = &*self.shared;
        let values: Values<'_> = &[&shared.options.name, &lease.key.as_str(), &lease.token, &millis(by)];
        Ok(!shared.query(&shared.statements.renew, values).await?.is_empty())
    }

    async fn settle(&self, lease: &Lease, update: &JobUpdate) -> Result<bool, QueueError> {
        let shared = &*self.shared;
        let (state, due_in, reason) = match &update.state {
            NextState::Waiting { due_in } => ("waiting", millis(*due_in), None),
            NextState::Done => ("done", 0, None),
            NextState::Dead { reason } => ("dead", 0, Some(reason.label())),
        };
        let (attempts, claims) = (i64::from(update.attempts), i64::from(update.claims));
        let (key, history) = (lease.key.as_str(), update.history.to_json());
        let values: Values<'_> =
            &[&shared.options.name, &key, &lease.token, &state, &due_in, &attempts, &claims, &reason, &history];
        Ok(!shared.query(&shared.statements.settle, values).await?.is_empty())
    }

    async fn status(&self, key: &JobKey) -> Result<Option<JobStatus>, QueueError> {
        let shared = &*self.shared;
        let rows = shared.query(&shared.statements.status, &[&shared.options.name, &key.as_str()]).await?;
        Ok(rows.first().map(|row| {
            let status = StatusRow {
                state: row.get(0),
                attempts: row.get(1),
                due: row.get(2),
                leased: row.get(3),
                reason: row.get(4),
                history: row.get(5),
            };
            status.into_status(key.clone(), row.get(6))
        }))
    }

    async fn counts(&self) -> Result<Counts, QueueError> {
        let shared = &*self.shared;
        let row = shared.query_one(&shared.statements.counts, &[&shared.options.name]).await?;
        let (due, now) = (row.get::<_, Option<i64>>(4), row.get(5));
        Ok(Counts {
            waiting: unsigned(&row, 0),
            running: unsigned(&row, 1),
            done: unsigned(&row, 2),
            dead: unsigned(&row, 3),
            late: due.filter(|due| *due <= now).map(|due| millis_until(due, now)),
        })
    }

    async fn dead_letters(&self, after: Option<&JobKey>, limit: u32) -> Result<Vec<DeadLetter>, QueueError> {
        let shared = &*self.shared;
        let (after, limit) = (after.map_or("", JobKey::as_str), i64::from(limit));
        let rows = shared.query(&shared.statements.dead_letters, &[&shared.options.name, &after, &limit]).await?;
        Ok(rows.iter().map(dead_letter).collect())
    }

    async fn requeue(&self, key: &JobKey) -> Result<bool, QueueError> {
        let shared = &*self.shared;
        let values: Values<'_> = &[&shared.options.name, &key.as_str(), &shared.sessions.topic];
        Ok(!shared.query(&shared.statements.requeue, values).await?.is_empty())
    }

    async fn requeue_all(&self, spacing: Duration) -> Result<u64, QueueError> {
        let shared = &*self.shared;
        let values: Values<'_> = &[&shared.options.name, &millis(spacing), &shared.sessions.topic];
        Ok(unsigned(&shared.query_one(&shared.statements.requeue_all, values).await?, 0))
    }

    async fn purge(&self, which: Finished, older_than: Duration) -> Result<u64, QueueError> {
        let shared = &*self.shared;
        let state = match which {
            Finished::Done => "done",
            Finished::Dead => "dead",
        };
        let values: Values<'_> = &[&shared.options.name, &state, &millis(older_than)];
        Ok(unsigned(&shared.query_one(&shared.statements.purge, values).await?, 0))
    }

    /// Ends when a process stores a job, and when the connection is lost.
    async fn job_stored(&self) {
        self.shared.sessions.stored.notified().await;
    }
}
