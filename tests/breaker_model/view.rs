//! What a caller can observe of a circuit.

use std::time::Duration;

use tower_recourse::{
    State,
    breaker::{CircuitStats, Mode},
};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    pub(crate) state: State,
    pub(crate) mode: Mode,
    pub(crate) failures_in_a_row: u32,
    pub(crate) openings_in_a_row: u32,
    pub(crate) retry_in: Option<Duration>,
    /// Calls, failures, timed calls, slow calls.
    pub(crate) window: [u32; 4],
    pub(crate) totals: Totals,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Totals {
    /// Admitted calls. This count and the successes include only calls that were counted when they
    /// began.
    pub(crate) admitted: Option<u64>,
    pub(crate) successes: Option<u64>,
    pub(crate) failures: u64,
    pub(crate) neutral: u64,
    pub(crate) dropped: u64,
    pub(crate) rejected: u64,
    pub(crate) transitions: u64,
    /// How many `WouldOpen` events an observer received.
    pub(crate) would_open: u64,
}

impl View {
    pub(crate) fn of(stats: CircuitStats, would_open: u64) -> Self {
        let window = stats.window;
        let totals = Totals {
            admitted: stats.total_admitted,
            successes: stats.total_successes,
            failures: stats.total_failures,
            neutral: stats.total_neutral,
            dropped: stats.total_dropped,
            rejected: stats.total_rejected,
            transitions: stats.transitions,
            would_open,
        };
        Self {
            state: stats.state,
            mode: stats.mode,
            failures_in_a_row: stats.failures_in_a_row,
            openings_in_a_row: stats.openings_in_a_row,
            retry_in: stats.retry_in,
            window: [window.calls, window.failures, window.timed, window.slow],
            totals,
        }
    }
}
