//! A group of circuits of which only some may be open at a time.

use std::{fmt, sync::Arc};

use crate::{
    InvalidConfig, Ratio,
    sync::{AtomicU64, Ordering},
};

/// Limits how many circuits may be open at a time, so that a fault that all upstreams have, or that
/// the caller causes, can't take all of them out of use. Envoy's outlier detection has the same
/// limit (`max_ejection_percent`).
///
/// ```
/// use tower_recourse::{BreakerConfig, Circuit, State, breaker::{CircuitGroup, TripRule}};
///
/// // One circuit per upstream; at most one of three may be open.
/// let group = CircuitGroup::max_open(1)?;
/// let config = BreakerConfig::default().open_when(TripRule::consecutive(1)?).group(&group);
/// let circuits = [(); 3].map(|()| Circuit::new(config.clone()));
///
/// for circuit in &circuits {
///     circuit.try_acquire()?.failure();
/// }
/// assert_eq!(circuits.each_ref().map(Circuit::state), [State::Open, State::Closed, State::Closed]);
/// assert_eq!(group.open_circuits(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// - A circuit counts as open from its opening until it closes, also while it is half-open. It no
///   longer counts when it is reset, dropped, or put into another mode.
/// - A circuit that would open beyond the limit stays closed. It emits
///   [`Event::CircuitWouldOpen`](crate::observe::Event::CircuitWouldOpen), once until it opens, is
///   reset or gets other rules. It opens with the next failure that meets a rule when another
///   circuit of the group has closed.
/// - A circuit that is open already may reopen.
/// - [Forced open](crate::Circuit::force_open) circuits don't count and aren't limited.
///   [Restored](crate::Circuit::restore) open circuits count, even if this exceeds the limit.
/// - If circuits of a group fail at the same time, one that could open may stay closed until its
///   next failure. The limit is never exceeded.
///
/// *When not to use it*: if an upstream that fails must get no calls at all. Beyond the limit, it
/// gets all of them.
///
/// # Clone
///
/// A clone is the same group.
#[derive(Clone)]
pub struct CircuitGroup {
    shared: Arc<Shared>,
}

struct Shared {
    max: MaxOpen,
    members: AtomicU64,
    open: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
enum MaxOpen {
    Number(u32),
    Share(Ratio),
}

// Relaxed: the counts order no other memory. The state words of the circuits are separate.
impl CircuitGroup {
    /// Makes a group of which at most this many circuits may be open at a time.
    ///
    /// # Errors
    ///
    /// If `circuits` is 0.
    pub fn max_open(circuits: u32) -> Result<Self, InvalidConfig> {
        if circuits == 0 {
            return Err(InvalidConfig::new("max_open", circuits, "at least 1"));
        }
        Ok(Self::new(MaxOpen::Number(circuits)))
    }

    /// Makes a group of which at most this share of the circuits may be open at a time. The number
    /// is rounded down, and is at least 1. It follows the number of circuits that exist.
    pub fn max_open_share(share: Ratio) -> Self {
        Self::new(MaxOpen::Share(share))
    }

    fn new(max: MaxOpen) -> Self {
        Self { shared: Arc::new(Shared { max, members: AtomicU64::new(0), open: AtomicU64::new(0) }) }
    }

    /// The number of circuits of the group.
    pub fn circuits(&self) -> u64 {
        self.shared.members.load(Ordering::Relaxed)
    }

    /// The number of circuits that count as open. While a circuit opens on another thread, it may
    /// be one more.
    pub fn open_circuits(&self) -> u64 {
        self.shared.open.load(Ordering::Relaxed)
    }

    pub(crate) fn join(&self) {
        self.shared.members.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.shared.members.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes a slot for a circuit that is about to open. `None` if the limit is reached. The slot
    /// is given back unless it is kept.
    pub(crate) fn try_take_slot(&self) -> Option<OpenSlot<'_>> {
        let limit = self.limit();
        let next = |open: u64| (open < limit).then_some(open + 1);
        let taken = self.shared.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        taken.is_ok().then(|| OpenSlot { group: self, is_kept: false })
    }

    /// Counts a circuit that opened whatever the limit is.
    pub(crate) fn add_open(&self) {
        self.shared.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives the slot of a circuit back.
    pub(crate) fn release_slot(&self) {
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
    }

    fn limit(&self) -> u64 {
        match self.shared.max {
            MaxOpen::Number(circuits) => circuits.into(),
            MaxOpen::Share(share) => share.most_of(self.circuits()).max(1),
        }
    }
}

/// A slot of a group, taken for an opening that may still fail.
pub(crate) struct OpenSlot<'a> {
    group: &'a CircuitGroup,
    is_kept: bool,
}

impl OpenSlot<'_> {
    /// The circuit has opened, and keeps the slot until it closes.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for OpenSlot<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.group.release_slot();
        }
    }
}

/// The limit, such as `at most 2 open`.
impl fmt::Display for CircuitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shared.max {
            MaxOpen::Number(circuits) => write!(f, "at most {circuits} open"),
            MaxOpen::Share(share) => write!(f, "at most {share} open"),
        }
    }
}

impl fmt::Debug for CircuitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitGroup")
            .field("max", &self.shared.max)
            .field("circuits", &self.circuits())
            .field("open", &self.open_circuits())
            .finish()
    }
}
