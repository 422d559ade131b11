use serde::{Deserialize, Serialize};
use tower_recourse::observe::ErrorText;

/// What happened to a job, oldest first. It has at most 20 entries: the first one, and the 19
/// latest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(Vec<HistoryEntry>);

/// One thing that happened to a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When it happened, in milliseconds since the start of 1970, by the system's clock of the
    /// process that recorded it.
    pub at: i64,
    /// How many attempts had been made.
    pub attempt: u32,
    /// A short, stable name: `deferred`, `retry`, `postponed`, `crashed`, `returned`, `done`,
    /// `dead`, `requeued`.
    pub what: String,
    /// Why, escaped and cut at 256 bytes.
    pub why: String,
}

impl HistoryEntry {
    /// Makes an entry. `why` is escaped, and cut at 256 bytes.
    pub fn new(at: i64, attempt: u32, what: &str, why: &str) -> Self {
        Self { at, attempt, what: what.to_owned(), why: ErrorText::text(why).to_string() }
    }
}

const MAX_ENTRIES: usize = 20;

impl History {
    /// Adds an entry. If there are too many, the second one is removed: the first one shows how it
    /// began.
    pub fn push(&mut self, entry: HistoryEntry) {
        self.0.push(entry);
        if self.0.len() > MAX_ENTRIES {
            self.0.remove(1);
        }
    }

    /// Removes the latest entry if it has this name.
    pub(crate) fn remove_last_if(&mut self, what: &str) {
        self.0.pop_if(|entry| entry.what == what);
    }

    /// The entries, oldest first.
    pub fn entries(&self) -> &[HistoryEntry] {
        &self.0
    }

    /// The history as JSON, as queues store it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "[]".to_owned())
    }

    /// Reads a stored history. One that can't be read is empty, because a damaged history must not
    /// stop its job.
    pub fn from_json(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_keeps_its_first_and_its_latest_entries() {
        let mut history = History::default();
        for attempt in 0..50 {
            history.push(HistoryEntry::new(i64::from(attempt), attempt, "retry", "line\nbreak"));
        }
        let attempts: Vec<u32> = history.entries().iter().map(|entry| entry.attempt).collect();
        assert_eq!((attempts.len(), attempts[0], attempts[1], attempts[19]), (20, 0, 31, 49));
        assert_eq!(history.entries()[0].why, r"line\nbreak");
        assert_eq!(History::from_json(&history.to_json()), history);
        assert_eq!(History::from_json("{damaged"), History::default());
    }
}
