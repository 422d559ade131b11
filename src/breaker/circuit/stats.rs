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

/// A circuit at one moment, as plain data. Read without stopping anybody, so the parts may be a few calls apart.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The circuit's name.
    pub name: Name,
    /// What it is doing.
    pub state: State,
    /// Who decides about that.
    pub mode: Mode,
    /// Failures since the last success, while closed.
    pub failures_in_a_row: u32,
    /// How many of them open it; `None` without that rule.
    pub threshold: Option<u32>,
    /// How long its first opening lasts, without jitter.
    pub open_for: Duration,
    /// Openings without a closing in between; counted up to 63.
    pub openings_in_a_row: u32,
    /// After which time a retry makes sense, as in
    /// [`Rejection::retry_in`](super::Rejection::retry_in); `None` while calls are admitted.
    pub retry_in: Option<Duration>,
    /// What the present window holds; of the probes, while half-open.
    pub window: WindowStats,
    /// Calls counted as failures since the circuit was made.
    pub total_failures: u64,
    /// Calls counted as successes, of those that were let in while `count_calls` was set. `None` unless it is.
    pub total_successes: Option<u64>,
    /// Calls judged neutral, and throttled calls, unless these [count as
    /// failures](super::BreakerConfig::on_throttled).
    pub total_neutral: u64,
    /// Calls that were dropped before they ended, and not because of a time-out.
    pub total_dropped: u64,
    /// Calls let in while `count_calls` was set, and those that have failed, were neutral or dropped all the same. `None` unless it is set
    /// now. When no call is on its way, it is the sum of successes, failures, neutral and dropped ones, also if `count_calls` was
    /// [switched](super::Circuit::reconfigure) on or off in between.
    pub total_admitted: Option<u64>,
    /// Calls rejected.
    pub total_rejected: u64,
    /// Changes of the state, resets of a circuit that wasn't closed included.
    pub transitions: u64,
}

impl Stats {
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
        let counted = |total: u64| settings.count_calls.then_some(total);
        Self {
            name: tenant.name(settings).clone(),
            state: word.state(),
            mode: word.mode,
            failures_in_a_row,
            threshold: settings.rules.consecutive.map(|rule| rule.failures),
            open_for: settings.open_for.base(),
            openings_in_a_row: if word.state() == State::Closed { 0 } else { word.streak.into() },
            retry_in,
            window: counts.into(),
            total_failures: totals.failures.get(),
            total_successes: counted(totals.successes.get()),
            total_neutral: totals.neutral.get(),
            total_dropped: totals.dropped.get(),
            total_admitted: counted(totals.admitted.get()),
            total_rejected: totals.rejected.get(),
            transitions: totals.transitions.get(),
        }
    }
}
