use std::time::Duration;

use super::{DeadReason, History};

/// The new values of a job after a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobUpdate {
    /// What follows.
    pub state: NextState,
    /// How many attempts were made.
    pub attempts: u32,
    /// How many claims had no outcome.
    pub claims: u32,
    /// What happened to the job.
    pub history: History,
}

/// What follows after a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextState {
    /// The job waits.
    Waiting {
        /// The time until it is due.
        due_in: Duration,
    },
    /// The job is done.
    Done,
    /// The job is a dead letter.
    Dead {
        /// Why.
        reason: DeadReason,
    },
}
