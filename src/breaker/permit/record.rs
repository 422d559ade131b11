//! The slow path at the end of a permit.

use std::time::Duration;

use super::{
    failure_details::FailureDetails,
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
    /// Records an outcome in the totals, the windows and the cell, and emits the events. `details`
    /// returns the details of a failure; it is called only if there is an observer.
    #[cold]
    pub(super) fn record(&self, outcome: PermitOutcome, is_counted: bool, details: FailureDetails<'_>) {
        let Some(tenant) = self.core.tenant_of(self.generation) else { return };
        let settings = tenant.settings.load();
        let ran = (self.started != UNTIMED).then(|| tenant.now(&settings).saturating_sub(self.started));
        let outcome = outcome.resolve(settings.cancelled, settings.throttled, ran);
        let (total, result, requested) = match outcome {
            PermitOutcome::Success => (&tenant.totals.successes, CallResult::Success, None),
            PermitOutcome::Failure { requested } => (&tenant.totals.failures, CallResult::Failure, requested),
            // A probe tests whether the service answers, and this service did. A generation never
            // changes from closed to half-open. So if the circuit's state isn't that of the permit,
            // the result is stale and has no effect.
            PermitOutcome::Throttled { answered: true, .. } if !self.core.cell.is_closed() => {
                (&tenant.totals.neutral, CallResult::Success, None)
            }
            PermitOutcome::Neutral | PermitOutcome::Throttled { .. } => {
                (&tenant.totals.neutral, CallResult::Neutral, None)
            }
            PermitOutcome::Unused => (&tenant.totals.neutral, CallResult::Ignored, None),
            PermitOutcome::CancelledAfterResponse => (&tenant.totals.dropped, CallResult::Neutral, None),
            PermitOutcome::Cancelled if settings.cancelled == CancelledCalls::FailureIfAll => {
                (&tenant.totals.dropped, CallResult::Cancelled, None)
            }
            PermitOutcome::Cancelled => (&tenant.totals.dropped, CallResult::Ignored, None),
        };
        let admission_counted = self.flags & COUNTED != 0;
        if admission_counted || outcome.is_always_counted() {
            total.add();
        }
        if !admission_counted && outcome.is_always_counted() {
            tenant.totals.admitted.add();
        }
        let window = self.core.window();
        let window = window.as_deref();
        if let (Some(window), Some(_), Some(accepted)) = (window, settings.throttle, outcome.accepted_by_service()) {
            window.record_request(self.generation, tenant.now(&settings), accepted);
        }
        // A neutral call counts neither as slow nor as fast. A cancelled call that took too long
        // was slow.
        let slow = match outcome {
            PermitOutcome::Neutral | PermitOutcome::Unused | PermitOutcome::Throttled { .. } => None,
            _ => ran.zip(settings.slow_after).map(|(ran, limit)| ran > micros(limit)),
        };
        let window_use = match window {
            None => WindowUse::NoWindow,
            Some(window) if is_counted => WindowUse::AlreadyRecorded(window),
            Some(window) => WindowUse::Record(window),
        };
        let end_call = |context: TransitionContext<'_>| {
            self.core.cell.end_call(context, window_use, self.generation, result, slow)
        };
        let effect = tenant.with_context(&settings, requested, end_call);
        // All counts are recorded before the events are emitted, because an observer may panic.
        if let EndEffect::Transitioned(transition) = effect {
            // A circuit that has opened took its slot before. Any other change is that of a circuit
            // that counts as open.
            tenant.update_group(&settings, true, transition.word);
            tenant.totals.transitions.add(transition.from, transition.word.state());
        }
        if settings.observers.is_empty() {
            return;
        }
        let failed = matches!(result, CallResult::Failure | CallResult::Cancelled);
        let failure = if failed { details() } else { None };
        let failure = failure.map(|failure| failure.with_duration(failure.duration.or(ran.map(Duration::from_micros))));
        if result == CallResult::Failure {
            settings.observers.emit(Event::CallFailed { name: tenant.name(&settings), failure });
        }
        match effect {
            EndEffect::Transitioned(transition) => tenant.emit_transition(&settings, transition, failure),
            EndEffect::WouldOpen(counts) => tenant.emit_would_open(&settings, counts, failure),
            EndEffect::Unchanged | EndEffect::Stale => {}
        }
    }
}
