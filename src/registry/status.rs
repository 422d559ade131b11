//! What a registry reads, as plain data.

#[cfg(any(feature = "breaker", feature = "retry"))]
use std::collections::HashSet;
#[cfg(feature = "breaker")]
use std::time::Duration;
#[cfg(feature = "retry")]
use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

#[cfg(all(feature = "breaker", feature = "metrics"))]
use super::circuit_counts::CircuitCounts;
#[cfg(any(feature = "breaker", feature = "retry", feature = "metrics"))]
use crate::Name;
#[cfg(feature = "breaker")]
use crate::breaker::{Mode, State};

/// Everything that the sources of a registry report.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    #[cfg(feature = "breaker")]
    pub(crate) circuits: Vec<CircuitReading>,
    #[cfg(feature = "keyed")]
    pub(crate) keyed: Vec<KeyedStatus>,
    #[cfg(feature = "retry")]
    pub(crate) budgets: Vec<BudgetReading>,
    #[cfg(feature = "retry")]
    pub(crate) quotas: Vec<QuotaStatus>,
    #[cfg(all(feature = "retry", feature = "metrics"))]
    pub(crate) retries: Vec<RetryReading>,
    /// The names of the fallbacks.
    #[cfg(all(feature = "fallback", feature = "metrics"))]
    pub(crate) fallbacks: Vec<Name>,
}

#[cfg(any(feature = "breaker", feature = "retry"))]
impl Readings {
    /// The circuits. One of a keyed breaker that was also registered itself is included once.
    #[cfg(feature = "breaker")]
    pub(super) fn take_circuits(&mut self) -> impl Iterator<Item = CircuitReading> + use<> {
        let mut seen = HashSet::new();
        std::mem::take(&mut self.circuits).into_iter().filter(move |circuit| seen.insert(circuit.id))
    }

    /// The budgets. One that several retries share is included once.
    #[cfg(feature = "retry")]
    pub(super) fn take_budgets(&mut self) -> impl Iterator<Item = BudgetReading> + use<> {
        let mut seen = HashSet::new();
        std::mem::take(&mut self.budgets).into_iter().filter(move |budget| seen.insert(budget.id.address))
    }

    /// The quotas. One that several retries share is included once.
    #[cfg(feature = "retry")]
    pub(super) fn take_quotas(&mut self) -> impl Iterator<Item = QuotaStatus> + use<> {
        let mut seen = HashSet::new();
        std::mem::take(&mut self.quotas).into_iter().filter(move |quota| seen.insert(quota.address))
    }
}

/// The settings of a retry that determine its series.
#[cfg(feature = "retry")]
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "metrics"), allow(dead_code))]
pub(crate) struct RetryReading {
    pub(crate) name: Name,
    /// The limit of retries per request.
    pub(crate) retries: u32,
    /// Whether requests that succeed at once emit an event.
    pub(crate) reports_requests: bool,
}

/// A circuit's status, and what only metrics show of it.
#[cfg(feature = "breaker")]
#[derive(Debug)]
pub(crate) struct CircuitReading {
    pub(crate) status: CircuitStatus,
    /// The name of the breaker. It differs from the circuit's name if circuits have a key.
    #[cfg(feature = "metrics")]
    pub(crate) breaker: Name,
    /// Identifies the circuit. No other circuit gets the same number.
    pub(crate) id: (usize, u32),
    #[cfg(feature = "metrics")]
    pub(crate) counts: CircuitCounts,
    /// Whether successes are counted.
    #[cfg(feature = "metrics")]
    pub(crate) counts_successes: bool,
    /// The calls in the window, the failures among them, the calls that are counted as slow or
    /// fast, and the slow ones among them.
    #[cfg(feature = "metrics")]
    pub(crate) window: [u64; 4],
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

/// The number of circuits of a registered keyed breaker, and its evictions.
#[cfg(feature = "keyed")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyedStatus {
    /// The breaker's name.
    pub name: Name,
    /// The number of stored circuits, which is the number of known keys.
    pub circuits: usize,
    /// How many circuits are open.
    pub open: usize,
    /// The largest number of stored circuits.
    pub capacity: usize,
    /// How many circuits were evicted to make room for new keys.
    pub evictions: u64,
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
    /// The highest possible balance. `None` if the budget reports none.
    pub max_balance: Option<u64>,
    /// How many attempts it has paid for.
    pub granted: u64,
    /// How many attempts it has refused to pay.
    pub refused: u64,
}

/// A budget's status, and which budget it is.
#[cfg(feature = "retry")]
#[derive(Debug)]
pub(crate) struct BudgetReading {
    pub(crate) status: BudgetStatus,
    pub(crate) id: SourceId,
}

/// Identifies a value by its address. It holds a weak reference to the value, so that no other
/// value gets the address.
#[cfg(feature = "retry")]
pub(crate) struct SourceId {
    address: usize,
    _memory: Box<dyn Send + Sync>,
}

#[cfg(feature = "retry")]
impl SourceId {
    pub(crate) fn of<T: ?Sized + Send + Sync + 'static>(value: &Arc<T>) -> Self {
        Self { address: Arc::as_ptr(value).cast::<()>() as usize, _memory: Box::new(Arc::downgrade(value)) }
    }

    #[cfg(feature = "metrics")]
    pub(super) fn address(&self) -> usize {
        self.address
    }
}

#[cfg(feature = "retry")]
impl PartialEq for SourceId {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

#[cfg(feature = "retry")]
impl Eq for SourceId {}

#[cfg(feature = "retry")]
impl Hash for SourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address.hash(state);
    }
}

#[cfg(feature = "retry")]
impl fmt::Debug for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.address)
    }
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
