use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    failure_details::{FailureDetails, of_dropped_call, of_verdict},
    outcome::PermitOutcome,
};
use crate::{
    FailureInfo, Verdict,
    breaker::{
        config::Settings,
        core::{Core, Tenant},
        window::FastRecord,
    },
    call_context::timeout_scope,
};

/// The permission of a circuit to make one call. It ends exactly once: with a verdict, or by being
/// dropped.
///
/// If the circuit has started a new generation in the meantime (it opened, half-opened, closed or
/// was reset), the result changes only the totals.
///
/// A dropped permit counts as [`BreakerConfig::on_cancelled`](crate::BreakerConfig::on_cancelled)
/// defines, with two exceptions that are failures: the call panicked, or a retry further out
/// dropped the attempt because it timed out.
///
/// ```
/// use tower_recourse::{BreakerConfig, Circuit};
///
/// let circuit = Circuit::new(BreakerConfig::default());
/// let permit = circuit.try_acquire()?;
/// // … the call …
/// permit.success();
/// # Ok::<(), tower_recourse::Rejection>(())
/// ```
#[must_use = "a permit that is dropped at once ends before the call"]
pub struct Permit {
    pub(super) core: &'static Core,
    pub(super) generation: u32,
    /// `PLAIN`, `COUNTED`, `OWNS_PANICS`, `ANSWERED`: one byte, because each call holds a permit.
    pub(super) flags: u8,
    pub(super) ended: bool,
    /// The outer retry's attempt that made this call, if it has a time limit; otherwise 0.
    pub(super) attempt: u16,
    /// When the call began, in the tenant's microseconds; `UNTIMED` if no setting needs that.
    pub(super) started: u64,
}

pub(super) const UNTIMED: u64 = u64::MAX;

/// A success is recorded only in the windows.
const PLAIN: u8 = 1;

/// The admission was counted. Without this flag, a success isn't counted either, and any other
/// outcome also counts its admission. So the totals stay consistent when counting is switched on or
/// off.
pub(super) const COUNTED: u8 = 2;

/// If the thread panics now, this call has panicked.
const OWNS_PANICS: u8 = 4;

/// The response has arrived, and the call continues with its body.
const ANSWERED: u8 = 8;

impl Permit {
    /// Makes the permit of a circuit that needs no bookkeeping at the start of a call.
    #[inline]
    pub(crate) fn plain(core: &'static Core, generation: u32) -> Self {
        let attempt = timeout_scope::current();
        Self { core, generation, flags: PLAIN | OWNS_PANICS, ended: false, attempt, started: UNTIMED }
    }

    /// Makes the permit of any other circuit.
    pub(crate) fn with_bookkeeping(tenant: &Tenant, settings: &Settings, generation: u32) -> Self {
        let flags = tenant.core.flags();
        let started = if flags.is_timed() { tenant.now(settings) } else { UNTIMED };
        let counted = settings.count_all_calls;
        if counted {
            tenant.totals.admitted.add();
        }
        // During a reconfiguration, the flags may not belong to these settings.
        let flag_bits = match counted {
            true => COUNTED | OWNS_PANICS,
            false if flags.is_plain() => PLAIN | OWNS_PANICS,
            false => OWNS_PANICS,
        };
        let attempt = timeout_scope::current();
        Self { core: tenant.core, generation, flags: flag_bits, ended: false, attempt, started }
    }

    /// Ends the call as a success.
    pub fn success(self) {
        self.end(Verdict::Success);
    }

    /// Ends the call as a failure. Events contain no details of it; see
    /// [`failure_with`](Self::failure_with).
    pub fn failure(mut self) {
        self.end_with(Verdict::transient(), &|| None);
    }

    /// Ends the call as a failure, with details for events. The kind of the failure determines how
    /// it counts, as in [`end`](Self::end).
    ///
    /// ```
    /// use tower_recourse::{BreakerConfig, Circuit, FailureInfo, FailureKind, observe::ErrorText};
    ///
    /// let circuit = Circuit::new(BreakerConfig::default());
    /// let permit = circuit.try_acquire()?;
    /// // … the call …
    /// let text = ErrorText::text("the replica lags by more than a minute");
    /// permit.failure_with(FailureInfo::new(FailureKind::Transient).with_error(Some(text)));
    /// # Ok::<(), tower_recourse::Rejection>(())
    /// ```
    pub fn failure_with(mut self, details: FailureInfo<'_>) {
        self.end_with(Verdict::failure(details.kind), &|| Some(details));
    }

    /// Ends the call without an effect on the circuit's health.
    pub fn neutral(self) {
        self.end(Verdict::Neutral);
    }

    /// Ends the call with a verdict. [The table](crate::classify#what-the-layers-do) shows how each
    /// verdict counts.
    #[inline]
    pub fn end(mut self, verdict: Verdict) {
        match verdict {
            Verdict::Success => self.end_success(),
            other => self.end_with(other, &|| of_verdict(other)),
        }
    }

    #[inline]
    pub(crate) fn end_success(&mut self) {
        self.finish(PermitOutcome::Success, &|| None);
    }

    /// Ends the call with a verdict, and with the details of its failure.
    #[cold]
    pub(crate) fn end_with(&mut self, verdict: Verdict, details: FailureDetails<'_>) {
        let outcome = match verdict {
            Verdict::Success | Verdict::ClientError => PermitOutcome::Success,
            Verdict::Failure(failure) => PermitOutcome::of(failure),
            Verdict::Neutral => PermitOutcome::Neutral,
        };
        self.finish(outcome, details);
    }

    /// Takes the permit, and leaves an ended one in its place.
    pub(crate) fn take(&mut self) -> Self {
        let ended = Self { ended: true, ..*self };
        std::mem::replace(self, ended)
    }

    pub(crate) fn belongs_to(&self, generation: u32) -> bool {
        self.generation == generation
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Restarts the timing of the call now. The circuit issued the permit earlier, when the service
    /// became ready.
    pub(crate) fn start_call(&mut self) {
        self.attempt = timeout_scope::current();
        if self.started != UNTIMED {
            if let Some(tenant) = self.core.tenant_of(self.generation) {
                self.started = tenant.now(&tenant.settings.load());
            }
        }
    }

    /// Ends the permit without a call. The time for which it was held isn't recorded.
    #[cold]
    pub(crate) fn end_unused(mut self) {
        self.started = UNTIMED;
        self.finish(PermitOutcome::Unused, &|| None);
    }

    /// Marks the call as answered. If it is dropped from now on, it doesn't count towards a row of
    /// cancelled calls.
    pub(crate) fn keep_after_response(mut self) -> Self {
        self.flags |= ANSWERED;
        self
    }

    /// Sets whether a panic of the thread counts as a panic of this call: it does only while the
    /// call is polled.
    pub(crate) fn attribute_panics(&mut self, attributed: bool) {
        self.flags = if attributed { self.flags | OWNS_PANICS } else { self.flags & !OWNS_PANICS };
    }

    #[inline]
    fn finish(&mut self, outcome: PermitOutcome, details: FailureDetails<'_>) {
        self.ended = true;
        if !matches!(outcome, PermitOutcome::Success) || self.flags & PLAIN == 0 {
            return self.record(outcome, false, details);
        }
        match self.core.record_success(self.generation) {
            FastRecord::Done => {}
            rest => self.record(outcome, rest == FastRecord::NeedsEvaluation, details),
        }
    }

    // Cold: most permits have ended before they are dropped.
    #[cold]
    fn end_cancelled(&mut self) {
        let panicking = std::thread::panicking();
        let timed_out = timeout_scope::is_over(self.attempt);
        let panicked = self.flags & OWNS_PANICS != 0 && panicking;
        let details: FailureDetails<'_> = &|| Some(of_dropped_call(timed_out, panicked));
        let outcome = if timed_out || panicked {
            PermitOutcome::FAILURE
        } else if self.flags & ANSWERED != 0 {
            PermitOutcome::CancelledAfterResponse
        } else {
            PermitOutcome::Cancelled
        };
        if panicking {
            // A second panic, in an observer, would abort the process.
            let _ = catch_unwind(AssertUnwindSafe(|| self.finish(outcome, details)));
        } else {
            self.finish(outcome, details);
        }
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if !self.ended {
            self.end_cancelled();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("generation", &self.generation).finish_non_exhaustive()
    }
}
