use std::time::Duration;

use super::{circuit::Circuit, stats::Stats};
use crate::{
    Name,
    breaker::{
        cell::Transition,
        config::BreakerConfig,
        state::{Mode, State},
        transition::{AdmissionKind, StateWord},
        window::Counts,
    },
    observe::Event,
};

impl<C> Circuit<C> {
    /// The name given in the config.
    pub fn name(&self) -> Name {
        self.tenant.name(&self.tenant.settings.load()).clone()
    }

    /// What it is doing. Reading it moves on a circuit whose time is over: from open to half-open.
    pub fn state(&self) -> State {
        self.advance_by_time();
        self.tenant.core.cell.load().state()
    }

    /// After which time a retry makes sense, as in [`Rejection::retry_in`]; `None` while calls are
    /// admitted. While half-open, each call returns another time.
    pub fn retry_in(&self) -> Option<Duration> {
        self.peek().err().and_then(|packed| packed.retry_in())
    }

    /// Everything that there is to know. Reading it moves on a circuit whose time is over, as [`state`](Self::state) does.
    pub fn stats(&self) -> Stats {
        self.advance_by_time();
        let settings = self.tenant.settings.load();
        Stats::of(&self.tenant, &settings, self.retry_in())
    }

    /// Closes the circuit at once, without a ramp, and forgets what was counted, whatever its state. Calls on their way no longer count; totals and the
    /// mode stay: one that is forced open stays so.
    pub fn reset(&self) {
        self.update(StateWord::reset);
    }

    /// Says that a success was seen of which the circuit knows nothing: an open circuit closes, a closed one forgets its failures in a
    /// row. For circuits that are open [until reset](super::OpenFor::until_reset). One that closes [ramps up](BreakerConfig::ramp) as
    /// after a probe.
    pub fn report_success(&self) {
        let tenant = &*self.tenant;
        let settings = tenant.settings.load();
        let (before, after) = tenant.with_context(&settings, None, |context| tenant.core.cell.report_success(context));
        self.emit_change(before, after);
    }

    /// Says that a failure was seen of which the circuit knows nothing: it counts as that of a call. An open circuit takes no notice, a
    /// half-open one that has a probe to spare opens. Nobody is told of a rejection.
    pub fn report_failure(&self) {
        if let Ok(permit) = self.acquire(AdmissionKind::Request) {
            permit.failure();
        }
    }

    /// Who decides about its state.
    pub fn mode(&self) -> Mode {
        self.tenant.core.cell.load().mode
    }

    /// Changes who decides about its state, until it is changed again. What was counted is forgotten; calls on their way no
    /// longer count.
    ///
    /// To set the mode that it is in does nothing.
    pub fn set_mode(&self, mode: Mode) {
        if self.mode() == mode {
            return;
        }
        self.update(|word| word.in_mode(mode));
        let settings = self.tenant.settings.load();
        let (name, mode) = (self.tenant.name(&settings), mode.as_str());
        settings.observers.tell(Event::CircuitSteered { name, mode });
    }

    /// Rejects every call until the mode is changed.
    pub fn force_open(&self) {
        self.set_mode(Mode::ForcedOpen);
    }

    /// Admits every call until the mode is changed.
    pub fn force_closed(&self) {
        self.set_mode(Mode::ForcedClosed);
    }

    /// Goes on by another config, from now on; calls on their way may still go by the one before.
    ///
    /// State, totals and mode stay. What was counted stays if the windows are the same as before; otherwise a closed circuit begins to
    /// count anew. An open time that has begun isn't changed, nor a lease; a limit of the time in half-open that there was none of holds
    /// from the next round of probes on. How long a call took is known if somebody asked for it when it began. The clock, and the
    /// classifier, stay what they were.
    ///
    /// Nothing happens by itself: new rules are asked at the end of the next call.
    ///
    /// # Memory
    ///
    /// The circuit keeps the window that its memory was made with, and at most one other, which takes the place of the one before.
    /// Recording a call in that other window takes some 5 ns more.
    pub fn reconfigure<D>(&self, config: BreakerConfig<D>) {
        self.tenant.reconfigure(config.settings);
    }

    fn update(&self, next: impl Fn(StateWord) -> StateWord) {
        let (before, after) = self.tenant.core.cell.update(next);
        self.emit_change(before, after);
    }

    fn emit_change(&self, before: StateWord, after: StateWord) {
        let tenant = &*self.tenant;
        if before.state() != after.state() {
            tenant.totals.transitions.add();
            let transition = Transition { word: after, counts: Counts::default(), open_for: u64::MAX };
            tenant.emit_transition(&tenant.settings.load(), transition);
        }
    }

    /// Moves on a circuit whose own time is over.
    pub(super) fn advance_by_time(&self) {
        let tenant = &*self.tenant;
        if tenant.core.cell.load().admits_all() {
            return;
        }
        let settings = tenant.settings.load();
        while let Some(transition) =
            tenant.with_context(&settings, None, |context| tenant.core.cell.advance_by_time(context))
        {
            tenant.totals.transitions.add();
            tenant.emit_transition(&settings, transition);
        }
    }
}
