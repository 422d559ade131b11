//! The slow path at the end of a permit.

use super::{
    outcome::PermitOutcome,
    permit::{COUNTED, Permit, UNTIMED},
};
use crate::{
    breaker::{
        cell::{EndEffect, TransitionContext, WindowUse},
        config::CancelledCalls,
        micros::micros,
        transition::CallResult,
    },
    observe::Event,
};

impl Permit {
    /// Records an outcome in the totals, the windows and the cell, and emits the events.
    #[cold]
    pub(super) fn record(&self, end: PermitOutcome, is_counted: bool) {
        let Some(tenant) = self.core.tenant_of(self.generation) else { return };
        let settings = tenant.settings.load();
        let ran = (self.started != UNTIMED).then(|| tenant.now(&settings).saturating_sub(self.started));
        let end = end.resolve(settings.dropped, settings.throttled, ran);
        let (total, result, asked) = match end {
            PermitOutcome::Success => (&tenant.totals.successes, CallResult::Success, None),
            PermitOutcome::Failure { asked } => (&tenant.totals.failures, CallResult::Failure, asked),
            // The service answered, which is what a probe tests. A generation never changes from
            // closed to half-open: if the circuit changes in the meantime, the result is stale and
            // has no effect.
            PermitOutcome::Throttled { answered: true, .. } if !self.core.cell.is_closed() => {
                (&tenant.totals.neutral, CallResult::Success, None)
            }
            PermitOutcome::Neutral | PermitOutcome::Throttled { .. } => {
                (&tenant.totals.neutral, CallResult::Neutral, None)
            }
            PermitOutcome::Unused => (&tenant.totals.neutral, CallResult::Ignored, None),
            PermitOutcome::CancelledAfterResponse => (&tenant.totals.dropped, CallResult::Neutral, None),
            PermitOutcome::Cancelled if settings.dropped == CancelledCalls::FailureIfAll => {
                (&tenant.totals.dropped, CallResult::Cancelled, None)
            }
            PermitOutcome::Cancelled => (&tenant.totals.dropped, CallResult::Ignored, None),
        };
        let admission_counted = self.flags & COUNTED != 0;
        if admission_counted || end.is_always_counted() {
            total.add();
        }
        if !admission_counted && end.is_always_counted() {
            tenant.totals.admitted.add();
        }
        let window = self.core.window();
        let window = window.as_deref();
        if let (Some(window), Some(_), Some(accepted)) = (window, settings.throttle, end.accepted_by_service()) {
            window.record_request(self.generation, tenant.now(&settings), accepted);
        }
        // A neutral outcome says nothing about speed. A cancelled call that took too long was slow.
        let slow = match end {
            PermitOutcome::Neutral | PermitOutcome::Unused | PermitOutcome::Throttled { .. } => None,
            _ => ran.zip(settings.slow_after).map(|(ran, limit)| ran > micros(limit)),
        };
        let window_use = match window {
            None => WindowUse::NoWindow,
            Some(window) if is_counted => WindowUse::AlreadyRecorded(window),
            Some(window) => WindowUse::Record(window),
        };
        let ends = |context: TransitionContext<'_>| {
            self.core.cell.end_call(context, window_use, self.generation, result, slow)
        };
        let ended = tenant.with_context(&settings, asked, ends);
        // All counts come before the events: an observer may panic.
        if let EndEffect::Transitioned(..) = ended {
            tenant.totals.transitions.add();
        }
        if result == CallResult::Failure {
            settings.observers.tell(Event::CallFailed { name: tenant.name(&settings) });
        }
        match ended {
            EndEffect::Transitioned(transition) => tenant.emit_transition(&settings, transition),
            EndEffect::WouldOpen(counts) => tenant.emit_would_open(&settings, counts),
            EndEffect::Unchanged | EndEffect::Stale => {}
        }
    }
}
