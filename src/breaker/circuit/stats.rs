//! The counts of a circuit.

use std::time::Duration;

use crate::{
    Name,
    breaker::{
        config::Settings,
        core::Tenant,
        state::{Mode, State},
        transition::Phase,
        window::{Counts, WindowStats},
    },
};

/// The state and the counts of a circuit at one moment, as plain data. They are read without a
/// lock, so the fields may be a few calls apart.
///
/// With the feature `store`, it implements serde's `Serialize`. A duration is then an object with
/// `secs` and `nanos`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "store", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CircuitStats {
    /// The circuit's name.
    pub name: Name,
    /// The state.
    pub state: State,
    /// The mode.
    pub mode: Mode,
    /// Failures since the last success, while closed.
    pub failures_in_a_row: u32,
    /// The number of failures in a row that opens the circuit; `None` without that rule.
    pub threshold: Option<u32>,
    /// The time of the first opening, without jitter.
    pub open_for: Duration,
    /// Openings in a row, without a closing in between. Counted up to 63.
    pub openings_in_a_row: u32,
    /// While open or half-open: how long calls have been failing, as in
    /// [`CircuitSnapshot`](super::CircuitSnapshot::failing_for). `None` while closed, and if a mode
    /// determines the state.
    pub failing_for: Option<Duration>,
    /// The time after which a retry makes sense, as in
    /// [`Rejection::retry_in`](crate::Rejection::retry_in); `None` while calls are admitted.
    pub retry_in: Option<Duration>,
    /// The contents of the window; while half-open, the results of the probes.
    pub window: WindowStats,
    /// Calls counted as failures since the circuit was made.
    pub total_failures: u64,
    /// Calls that were admitted while `count_all_calls` was set, and counted as successes. `None`
    /// unless it is set now.
    pub total_successes: Option<u64>,
    /// Neutral calls, and throttled calls unless they [count as
    /// failures](crate::BreakerConfig::on_throttled).
    pub total_neutral: u64,
    /// Calls that were dropped before they ended, except for those that timed out.
    pub total_dropped: u64,
    /// Calls that were admitted while `count_all_calls` was set, and all other calls that failed,
    /// were neutral or were dropped. `None` unless it is set now. When no call is in flight, this
    /// is the sum of successes, failures, neutral and dropped calls, even if `count_all_calls` was
    /// [switched](crate::Circuit::reconfigure) on or off.
    pub total_admitted: Option<u64>,
    /// Rejected calls.
    pub total_rejected: u64,
    /// Changes of the state, including resets of a circuit that wasn't closed.
    pub transitions: u64,
}

impl CircuitStats {
    pub(crate) fn of(tenant: &Tenant, settings: &Settings, retry_in: Option<Duration>) -> Self {
        let (core, totals) = (tenant.core, &tenant.totals);
        let word = core.cell.load();
        let counts = match (word.phase, core.window()) {
            (Phase::Closed { .. }, Some(window)) => window.counts(word.generation, || tenant.now(settings)),
            (Phase::Closed { .. }, None) => Counts::default(),
            _ => core.cell.probe_counts(word.generation),
        };
        let failures_in_a_row = match word.phase {
            Phase::Closed { failures_in_a_row, .. } => failures_in_a_row,
            Phase::Open | Phase::HalfOpen { .. } => 0,
        };
        let counted = |total: u64| settings.count_all_calls.then_some(total);
        Self {
            name: tenant.name(settings).clone(),
            state: word.state(),
            mode: word.mode,
            failures_in_a_row,
            threshold: settings.rules.consecutive.map(|rule| rule.failures),
            open_for: settings.open_for.base(),
            openings_in_a_row: if word.state() == State::Closed { 0 } else { word.streak.into() },
            failing_for: tenant.failing_for(settings, core.cell.failing_since_of(word)),
            retry_in,
            window: counts.into(),
            total_failures: totals.failures.get(),
            total_successes: counted(totals.successes.get()),
            total_neutral: totals.neutral.get(),
            total_dropped: totals.dropped.get(),
            total_admitted: counted(totals.admitted.get()),
            total_rejected: totals.rejected.get(),
            transitions: totals.transitions.total(),
        }
    }
}
