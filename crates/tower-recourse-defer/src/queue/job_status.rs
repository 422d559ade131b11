use std::time::Duration;

use super::{DeadReason, History, JobKey};

/// What is known about a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStatus {
    /// The key.
    pub key: JobKey,
    /// Its state.
    pub state: JobState,
    /// How many attempts were made.
    pub attempts: u32,
    /// What happened to it.
    pub history: History,
}

impl JobStatus {
    /// The status as JSON, for callers: `job`, `state`, `attempts`, and `due_in_ms` or `reason`. It
    /// doesn't contain the history, which has texts of internal errors.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::json!({
            "job": self.key.as_str(),
            "state": self.state.label(),
            "attempts": self.attempts,
        });
        match &self.state {
            JobState::Waiting { due_in } => {
                json["due_in_ms"] = u64::try_from(due_in.as_millis()).unwrap_or(u64::MAX).into();
            }
            JobState::Dead { reason } => json["reason"] = reason.label().into(),
            JobState::Running | JobState::Done => {}
        }
        json.to_string()
    }
}

/// The state of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// It waits.
    Waiting {
        /// The time until it is due; zero if it is due.
        due_in: Duration,
    },
    /// A worker holds a lease on it.
    Running,
    /// It is done.
    Done,
    /// It is a dead letter.
    Dead {
        /// Why.
        reason: DeadReason,
    },
}

impl JobState {
    /// A short, stable name: `waiting`, `running`, `done`, `dead`.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead { .. } => "dead",
        }
    }
}

/// A row of the table, as both databases store it.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) struct StatusRow {
    pub(crate) state: String,
    pub(crate) attempts: i64,
    pub(crate) due: i64,
    pub(crate) leased: bool,
    pub(crate) reason: Option<String>,
    pub(crate) history: String,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl StatusRow {
    pub(crate) fn into_status(self, key: JobKey, now: i64) -> JobStatus {
        let Self { state, attempts, due, leased, reason, history } = self;
        let state = match &*state {
            "done" => JobState::Done,
            "dead" => JobState::Dead { reason: DeadReason::from_label(reason.unwrap_or_default()) },
            _ if leased && due > now => JobState::Running,
            _ => JobState::Waiting { due_in: millis_until(now, due) },
        };
        JobStatus {
            key,
            state,
            attempts: attempts.try_into().unwrap_or(u32::MAX),
            history: History::from_json(&history),
        }
    }
}

/// The time from `now` to `due`; zero if it has passed.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn millis_until(now: i64, due: i64) -> Duration {
    Duration::from_millis(u64::try_from(due.saturating_sub(now)).unwrap_or(0))
}
