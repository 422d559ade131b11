use super::{
    outcome::End,
    permit::{COUNTED, Permit, UNTIMED},
};
use crate::{
    breaker::{
        cell::{Counting, Ended, Going},
        config::Dropped,
        micros::micros,
        transition::Ending,
    },
    observe::Event,
};

impl Permit {
    /// The endings that have something to write.
    #[cold]
    pub(super) fn record(&self, end: End, is_counted: bool) {
        let Some(tenant) = self.core.tenant_of(self.generation) else { return };
        let settings = tenant.settings.load();
        let ran = (self.started != UNTIMED).then(|| tenant.now(&settings).saturating_sub(self.started));
        let end = end.or_by(settings.dropped, settings.throttled, ran);
        let (total, ending, asked) = match end {
            End::Success => (&tenant.totals.successes, Ending::Success, None),
            End::Failure { asked } => (&tenant.totals.failures, Ending::Failure, asked),
            // The service answered, which is what a probe tests. A generation never changes from
            // closed to half-open: if the circuit moves on meanwhile, the ending comes too late and
            // changes nothing.
            End::Throttled { answered: true, .. } if !self.core.cell.is_closed() => {
                (&tenant.totals.neutral, Ending::Success, None)
            }
            End::Neutral | End::Throttled { .. } => (&tenant.totals.neutral, Ending::Neutral, None),
            End::Unused => (&tenant.totals.neutral, Ending::Neither, None),
            End::AnsweredAndDropped => (&tenant.totals.dropped, Ending::Neutral, None),
            End::Dropped if settings.dropped == Dropped::FailureIfAll => {
                (&tenant.totals.dropped, Ending::Dropped, None)
            }
            End::Dropped => (&tenant.totals.dropped, Ending::Neither, None),
        };
        let admission_counted = self.is & COUNTED != 0;
        if admission_counted || end.is_always_counted() {
            total.add();
        }
        if !admission_counted && end.is_always_counted() {
            tenant.totals.admitted.add();
        }
        let window = self.core.window();
        let window = window.as_deref();
        if let (Some(window), Some(_), Some(accepted)) = (window, settings.throttle, end.is_accepted()) {
            window.request(self.generation, tenant.now(&settings), accepted);
        }
        // What was judged neutral says nothing, however long it took; what was given up after that time does.
        let slow = match end {
            End::Neutral | End::Unused | End::Throttled { .. } => None,
            _ => ran.zip(settings.slow_after).map(|(ran, limit)| ran > micros(limit)),
        };
        let counting = match window {
            None => Counting::Nowhere,
            Some(window) if is_counted => Counting::Before(window),
            Some(window) => Counting::In(window),
        };
        let ends = |going: Going<'_>| self.core.cell.end(going, counting, self.generation, (ending, slow));
        let ended = tenant.going(&settings, asked, ends);
        // Everything is counted before anybody is told: an observer may panic.
        if let Ended::Became(..) = ended {
            tenant.totals.transitions.add();
        }
        if ending == Ending::Failure {
            settings.observers.tell(Event::CallFailed { name: tenant.name(&settings) });
        }
        match ended {
            Ended::Became(transition) => tenant.tell_of(&settings, transition),
            Ended::WouldOpen(counts) => tenant.tell_would_open(&settings, counts),
            Ended::Stays | Ended::Late => {}
        }
    }
}
