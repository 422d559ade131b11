use std::time::Duration;

/// How many jobs a queue holds. The counts of a busy queue are those of one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Jobs that wait, including those that are due.
    pub waiting: u64,
    /// Jobs that a worker holds, or held when it died.
    pub running: u64,
    /// Jobs that are done and not purged.
    pub done: u64,
    /// Dead letters.
    pub dead: u64,
    /// How long the job that is due longest has been due. `None` if no job is due.
    pub late: Option<Duration>,
}
