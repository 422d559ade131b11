use super::{InvalidValue, NewJob};

/// The limits of a queue. They bound what callers can store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    max_jobs: u64,
    max_payload: usize,
}

/// 100,000 jobs of at most 1 MiB.
impl Default for QueueLimits {
    fn default() -> Self {
        Self { max_jobs: 100_000, max_payload: 1 << 20 }
    }
}

impl QueueLimits {
    /// How many jobs may wait, run or be dead letters. By default 100,000: a longer queue needs a
    /// person, not more room.
    ///
    /// Each process counts once per second, or every 10 s while the queue is less than half full,
    /// and adds the jobs that it stores itself. So several processes together may exceed the limit
    /// by what they store in that time.
    pub fn max_jobs(mut self, max_jobs: u64) -> Self {
        self.max_jobs = max_jobs;
        self
    }

    /// The size of a payload in bytes. By default 1 MiB, because a queue is no store of files.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    /// The limit of jobs.
    pub fn jobs(&self) -> u64 {
        self.max_jobs
    }

    /// Checks the size of a job.
    ///
    /// # Errors
    ///
    /// If the payload is too long.
    pub fn check(&self, job: &NewJob) -> Result<(), InvalidValue> {
        match job.payload().len() <= self.max_payload {
            true => Ok(()),
            false => Err(InvalidValue::new(
                "payload",
                format_args!("{} bytes long", job.payload().len()),
                "no longer than the queue's `max_payload`",
            )),
        }
    }
}
