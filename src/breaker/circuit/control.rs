//! Reading and controlling a circuit.

use std::{cell::Cell, time::Duration};

use super::{circuit::Circuit, stats::CircuitStats};
use crate::{
    Description, FailureInfo, Name,
    breaker::{
        cell::{FailingSince, Transition},
        config::BreakerConfig,
        state::{Mode, State},
        transition::{AdmissionKind, StateWord},
        window::Counts,
    },
    observe::Event,
};

impl<C> Circuit<C> {
    /// Returns the circuit's name.
    pub fn name(&self) -> Name {
        self.tenant.name(&self.tenant.settings.load()).clone()
    }

    /// Returns the state. If the open time is over, this moves the circuit to half-open first.
    pub fn state(&self) -> State {
        self.advance_by_time();
        self.tenant.core.cell.load().state()
    }

    /// Returns the time after which a retry makes sense, as
    /// [`Rejection::retry_in`](crate::Rejection::retry_in) does; `None` while calls are admitted.
    /// While half-open, each call of this method returns another random time.
    pub fn retry_in(&self) -> Option<Duration> {
        self.peek().err().and_then(|packed| packed.retry_in())
    }

    /// Returns the state, the main settings and all counts. Like [`state`](Self::state), this first
    /// applies timers that are over.
    pub fn stats(&self) -> CircuitStats {
        self.advance_by_time();
        let settings = self.tenant.settings.load();
        CircuitStats::of(&self.tenant, &settings, self.retry_in())
    }

    /// Closes the circuit in any state, without a slow start, and forgets the counts in the
    /// windows. Calls in flight no longer count. The totals and the mode stay, so a circuit that is
    /// forced open stays open.
    pub fn reset(&self) {
        self.update(StateWord::reset);
    }

    /// Reports a success of a call that had no permit. An open circuit closes, and a closed one
    /// ends its row of failures. Use it with circuits that are open [until they are
    /// reset](crate::breaker::OpenDuration::until_reset). A circuit that closes begins a slow
    /// start, if [that is set](BreakerConfig::slow_start).
    pub fn report_success(&self) {
        let tenant = &*self.tenant;
        let settings = tenant.settings.load();
        let (before, after, failing_since) =
            tenant.with_context(&settings, None, |context| tenant.core.cell.report_success(context));
        tenant.update_group(&settings, before.counts_as_open(), after);
        self.emit_change(before, after, failing_since);
    }

    /// Reports a failure of a call that had no permit. It counts like the failure of a call with a
    /// permit. An open circuit ignores it. A half-open circuit counts it as the failure of a probe,
    /// if it would admit a probe now, and ignores it otherwise. Ignoring a report counts no
    /// rejection.
    ///
    /// Events contain no details of the failure. Report them with
    /// [`report_failure_with`](Self::report_failure_with).
    pub fn report_failure(&self) {
        if let Ok(permit) = self.acquire(AdmissionKind::Request) {
            permit.failure();
        }
    }

    /// Like [`report_failure`](Self::report_failure), with details for events. The kind of the
    /// failure determines how it counts, as for [`Permit::end`](crate::breaker::Permit::end).
    pub fn report_failure_with(&self, details: FailureInfo<'_>) {
        if let Ok(permit) = self.acquire(AdmissionKind::Request) {
            permit.failure_with(details);
        }
    }

    /// Returns the mode.
    pub fn mode(&self) -> Mode {
        self.tenant.core.cell.load().mode
    }

    /// Sets the mode, until it is changed again. The counts in the windows are forgotten, and calls
    /// in flight no longer count.
    ///
    /// Setting the present mode does nothing.
    pub fn set_mode(&self, mode: Mode) {
        if self.mode() == mode {
            return;
        }
        self.update(|word| word.in_mode(mode));
        let settings = self.tenant.settings.load();
        let (name, mode) = (self.tenant.name(&settings), mode.as_str());
        settings.observers.emit(Event::CircuitModeChanged { name, mode });
    }

    /// Rejects every call until the mode is changed.
    pub fn force_open(&self) {
        self.set_mode(Mode::ForcedOpen);
    }

    /// Admits every call until the mode is changed.
    pub fn force_closed(&self) {
        self.set_mode(Mode::ForcedClosed);
    }

    /// The settings of the circuit as text, for logs and dashboards. The classifier isn't one of
    /// them. See [`Description`].
    pub fn describe(&self) -> Description {
        let settings = self.tenant.settings.load();
        settings.describe(self.tenant.name(&settings))
    }

    /// Replaces the settings. Calls in flight may still use the former ones.
    ///
    /// State, totals, mode, clock and classifier stay. Counts stay if the windows are the same as
    /// before; otherwise a closed circuit restarts its counts at 0. A running open time or lease
    /// doesn't change. A new half-open timeout applies from the next round of probes on. A call can
    /// count as slow only if the settings at its start measured its duration.
    ///
    /// New rules are evaluated at the end of the next call, not at once.
    ///
    /// # Memory
    ///
    /// The circuit keeps the window that its memory was allocated with, and at most one other
    /// window, which each reconfiguration replaces. Recording a call in that other window takes
    /// about 5 ns more.
    pub fn reconfigure<D>(&self, config: BreakerConfig<D>) {
        self.tenant.reconfigure(config.settings);
    }

    fn update(&self, next: impl Fn(StateWord) -> StateWord) {
        let cell = &self.tenant.core.cell;
        let failing_since = Cell::new(None);
        let (before, after) = cell.update(|word| {
            // Read between the load of the word and its change, so it belongs to this word.
            failing_since.set(cell.failing_since_of(word));
            next(word)
        });
        self.tenant.update_group(&self.tenant.settings.load(), before.counts_as_open(), after);
        self.emit_change(before, after, failing_since.get());
    }

    fn emit_change(&self, before: StateWord, after: StateWord, failing_since: Option<FailingSince>) {
        let tenant = &*self.tenant;
        if before.state() != after.state() {
            tenant.totals.transitions.add(before.state(), after.state());
            let failing_since = failing_since.filter(|_| after.mode != Mode::ForcedOpen);
            let (from, counts) = (before.state(), Counts::default());
            let transition = Transition { from, word: after, counts, open_for: u64::MAX, failing_since };
            tenant.emit_transition(&tenant.settings.load(), transition, None);
        }
    }

    /// Applies timers that are over.
    pub(super) fn advance_by_time(&self) {
        let tenant = &*self.tenant;
        if tenant.core.cell.load().admits_all() {
            return;
        }
        let settings = tenant.settings.load();
        while let Some(transition) =
            tenant.with_context(&settings, None, |context| tenant.core.cell.advance_by_time(context))
        {
            // Timers change only circuits that count as open.
            tenant.update_group(&settings, true, transition.word);
            tenant.totals.transitions.add(transition.from, transition.word.state());
            tenant.emit_transition(&settings, transition, None);
        }
    }
}
