use std::time::Duration;

/// What a circuit opens on.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Opening {
    /// Openings without a closing in between, with this one: 1 is the first. Counted up to 63. Each
    /// further interval of probes that [trickle](super::Probes::trickle) counts, too.
    pub in_a_row: u32,
    /// The share of failures in the window, or among the probes; `None` if no rule asks for a window.
    pub failing: Option<f64>,
    /// For how long calls have been failing: since the first failure of the row that opened the
    /// circuit, across all openings until it closes. Zero at the first opening if no call of that
    /// row failed before, as where a window opened the circuit.
    pub failing_for: Duration,
    /// The delay that the failure which opens it asked for.
    pub(crate) asked: Option<Duration>,
}
