//! What can be seen of a circuit.

use std::time::Duration;

use tower_recourse::{State, breaker::Stats};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    pub(crate) state: State,
    pub(crate) failures_in_a_row: u32,
    pub(crate) openings_in_a_row: u32,
    pub(crate) retry_in: Option<Duration>,
    /// Calls, failures, timed calls, slow ones.
    pub(crate) window: [u32; 4],
    pub(crate) admitted: Option<u64>,
    pub(crate) successes: Option<u64>,
    pub(crate) failures: u64,
    pub(crate) neutral: u64,
    pub(crate) dropped: u64,
    pub(crate) rejected: u64,
    pub(crate) transitions: u64,
}

impl View {
    /// Of a circuit that has just been made.
    pub(crate) fn new(count_calls: bool) -> Self {
        let counted = count_calls.then_some(0);
        Self {
            state: State::Closed,
            failures_in_a_row: 0,
            openings_in_a_row: 0,
            retry_in: None,
            window: [0; 4],
            admitted: counted,
            successes: counted,
            failures: 0,
            neutral: 0,
            dropped: 0,
            rejected: 0,
            transitions: 0,
        }
    }
}

impl From<Stats> for View {
    fn from(stats: Stats) -> Self {
        let window = stats.window;
        Self {
            state: stats.state,
            failures_in_a_row: stats.failures_in_a_row,
            openings_in_a_row: stats.openings_in_a_row,
            retry_in: stats.retry_in,
            window: [window.calls, window.failures, window.timed, window.slow],
            admitted: stats.total_admitted,
            successes: stats.total_successes,
            failures: stats.total_failures,
            neutral: stats.total_neutral,
            dropped: stats.total_dropped,
            rejected: stats.total_rejected,
            transitions: stats.transitions,
        }
    }
}
