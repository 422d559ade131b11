use std::time::Duration;

/// The data about an opening, from which [`OpenDuration::from_fn`](super::OpenDuration::from_fn)
/// computes the open time.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct OpenContext {
    /// Openings in a row, without a closing in between. This opening is included, so the first has
    /// the number 1. Counted up to 63. Each further interval of [trickling
    /// probes](crate::breaker::Probes::trickle) counts as one.
    pub in_a_row: u32,
    /// The share of failures in the window or among the probes, from 0 to 1; `None` if no rule has
    /// a window.
    pub failing: Option<f64>,
    /// How long calls have been failing: from the first failure of the row that opened the circuit,
    /// across all openings until it closes. Zero at the first opening if the opening failure is the
    /// first of its row. This happens, for instance, if a window opened the circuit.
    pub failing_for: Duration,
    /// The delay that the opening failure requested.
    pub(crate) requested: Option<Duration>,
}
