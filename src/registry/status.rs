//! What a registry reads, as plain data.

#[cfg(feature = "breaker")]
use std::time::Duration;

#[cfg(any(feature = "breaker", feature = "retry"))]
use crate::Name;
#[cfg(feature = "breaker")]
use crate::breaker::{Mode, State};

/// Everything that the sources of a registry report.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    #[cfg(feature = "breaker")]
    pub(crate) circuits: Vec<CircuitStatus>,
    #[cfg(feature = "retry")]
    pub(crate) budgets: Vec<BudgetStatus>,
    #[cfg(feature = "retry")]
    pub(crate) quotas: Vec<QuotaStatus>,
}

/// The state and the counts of a registered circuit.
#[cfg(feature = "breaker")]
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CircuitStatus {
    /// The circuit's name, with its labels.
    pub name: Name,
    /// The state. To read it changes nothing, so a circuit whose open time is over stays open until
    /// its next call.
    pub state: State,
    /// The mode.
    pub mode: Mode,
    /// While open: the rest of the open time. `None` if the circuit isn't open, or is open until it
    /// is reset.
    pub open_for: Option<Duration>,
    /// While open or half-open: how long calls have been failing. `None` if it isn't known.
    pub failing_for: Option<Duration>,
    /// The share of failures in the window, from 0 to 1. `None` without a window or calls in it.
    pub failure_rate: Option<f64>,
    /// The share of slow calls in the window. `None` without a window or calls in it.
    pub slow_rate: Option<f64>,
    /// Successful calls. `None` unless [`count_all_calls`](crate::BreakerConfig::count_all_calls)
    /// is set.
    pub successes: Option<u64>,
    /// Calls that were counted as failures.
    pub failures: u64,
    /// Neutral calls.
    pub neutral: u64,
    /// Calls that were dropped before they ended.
    pub cancelled: u64,
    /// Rejected calls.
    pub rejections: u64,
    /// Changes of the state.
    pub transitions: u64,
}

/// The balance and the counts of a registered retry's budget.
#[cfg(feature = "retry")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetStatus {
    /// The name of the retry. For a budget that several retries share: of the one that was made
    /// first.
    pub name: Name,
    /// How many more attempts the budget could pay now.
    pub balance: u64,
    /// How many attempts it has paid for.
    pub granted: u64,
    /// How many attempts it has refused to pay.
    pub refused: u64,
    /// Identifies the budget.
    pub(crate) address: usize,
}

/// The counts of a registered retry's quota.
#[cfg(feature = "retry")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaStatus {
    /// The name of the retry. For a quota that several retries share: of the one that was made
    /// first.
    pub name: Name,
    /// The retries of all keys.
    pub retries: u64,
    /// How many keys are remembered.
    pub keys: usize,
    /// Identifies the quota.
    pub(crate) address: usize,
}
