use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::outcome::PermitOutcome;
use crate::{
    FailureKind, Sent, Verdict,
    breaker::{
        config::Settings,
        core::{Core, Tenant},
        window::FastRecord,
    },
    call_context::timeout_scope,
};

/// A circuit's leave to make one call. It ends exactly once: with a verdict, or by being dropped.
///
/// An result that comes after its circuit has moved on (it opened, half-opened, closed or was reset since) changes
/// nothing but the totals.
///
/// A dropped permit counts as [`BreakerConfig::dropped`](super::BreakerConfig::dropped) says, with two exceptions: the thread is
/// panicking (the call panicked, which is a failure), or a retry further out drops the attempt in which the permit was given because it
/// took too long (which is one too).
///
/// ```
/// use tower_recourse::{BreakerConfig, Circuit};
///
/// let circuit = Circuit::new(BreakerConfig::default());
/// let permit = circuit.admit()?;
/// // … the call …
/// permit.success();
/// # Ok::<(), tower_recourse::Rejection>(())
/// ```
#[must_use = "a permit that is dropped at once says nothing of the call"]
pub struct Permit {
    pub(super) core: &'static Core,
    pub(super) generation: u32,
    /// `PLAIN`, `COUNTED`, `OWNS_PANICS`, `ANSWERED`: in one byte, as each call through a breaker holds a permit.
    pub(super) flags: u8,
    pub(super) ended: bool,
    /// The attempt of a retry around that the call belongs to, if it has a time limit; 0 is none.
    pub(super) attempt: u16,
    /// When the call began, in the tenant's microseconds; `UNTIMED` if no rule asks.
    pub(super) started: u64,
}

pub(super) const UNTIMED: u64 = u64::MAX;

/// A success has nothing to write besides the windows.
const PLAIN: u8 = 1;

/// Its admission was counted. If not, its success isn't either, and another result counts both: so the totals add up, whenever window_use
/// is switched on or off.
pub(super) const COUNTED: u8 = 2;

/// A panic while this permit is alive is the call's own.
const OWNS_PANICS: u8 = 4;

/// The call was answered, and goes on with what came in the answer.
const ANSWERED: u8 = 8;

impl Permit {
    /// For a call that is admitted by a circuit which has nothing to remember of it.
    #[inline]
    pub(crate) fn plain(core: &'static Core, generation: u32) -> Self {
        let attempt = timeout_scope::current();
        Self { core, generation, flags: PLAIN | OWNS_PANICS, ended: false, attempt, started: UNTIMED }
    }

    /// For any other.
    pub(crate) fn with_bookkeeping(tenant: &Tenant, settings: &Settings, generation: u32) -> Self {
        let flags = tenant.core.flags();
        let started = if flags.is_timed() { tenant.now(settings) } else { UNTIMED };
        let counted = settings.count_calls;
        if counted {
            tenant.totals.admitted.add();
        }
        // While settings are exchanged, the flags may be those of the other settings.
        let flag_bits = match counted {
            true => COUNTED | OWNS_PANICS,
            false if flags.is_plain() => PLAIN | OWNS_PANICS,
            false => OWNS_PANICS,
        };
        let attempt = timeout_scope::current();
        Self { core: tenant.core, generation, flags: flag_bits, ended: false, attempt, started }
    }

    /// The call did what it was for.
    pub fn success(self) {
        self.end(Verdict::Success);
    }

    /// It failed.
    pub fn failure(self) {
        self.end(Verdict::transient());
    }

    /// It says nothing about the health of what was called.
    pub fn neutral(self) {
        self.end(Verdict::Neutral);
    }

    /// Ends the call with a verdict. A rejection by another breaker further in is neutral. A
    /// failure of the kind [`Throttled`](FailureKind::Throttled) counts as
    /// [`BreakerConfig::on_throttled`](super::BreakerConfig::on_throttled) defines: neutral for the
    /// rules about health by default, and not accepted for
    /// [`OpenRule::Throttle`](super::OpenRule::Throttle).
    #[inline]
    pub fn end(mut self, verdict: Verdict) {
        self.end_with(verdict);
    }

    #[inline]
    pub(crate) fn end_with(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Success => self.finish(PermitOutcome::Success),
            other => self.end_slow(other),
        }
    }

    #[cold]
    fn end_slow(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Success => self.finish(PermitOutcome::Success),
            Verdict::Failure(failure) if failure.kind() == FailureKind::Rejected => self.finish(PermitOutcome::Unused),
            Verdict::Failure(failure) if failure.kind() == FailureKind::Throttled => {
                self.finish(PermitOutcome::Throttled {
                    asked: failure.retry_after(),
                    answered: failure.sent() == Sent::Yes,
                });
            }
            Verdict::Failure(failure) => self.finish(PermitOutcome::Failure { asked: failure.retry_after() }),
            Verdict::Neutral => self.finish(PermitOutcome::Neutral),
        }
    }

    /// Leaves one that has ended in its place.
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

    /// The call begins now: its circuit let it in some time ago.
    pub(crate) fn start_call(&mut self) {
        self.attempt = timeout_scope::current();
        if self.started != UNTIMED {
            if let Some(tenant) = self.core.tenant_of(self.generation) {
                self.started = tenant.now(&tenant.settings.load());
            }
        }
    }

    /// There was no call, so how long the permit was held says nothing.
    #[cold]
    pub(crate) fn end_unused(mut self) {
        self.started = UNTIMED;
        self.finish(PermitOutcome::Unused);
    }

    /// The call was answered, and goes on with what came in the answer: dropped from now on, it isn't one without an answer.
    pub(crate) fn keep_after_response(mut self) -> Self {
        self.flags |= ANSWERED;
        self
    }

    /// Whose panic it is if the thread panics now: the call's while it is polled, somebody else's otherwise.
    pub(crate) fn attribute_panics(&mut self, attributed: bool) {
        self.flags = if attributed { self.flags | OWNS_PANICS } else { self.flags & !OWNS_PANICS };
    }

    #[inline]
    fn finish(&mut self, end: PermitOutcome) {
        self.ended = true;
        if !matches!(end, PermitOutcome::Success) || self.flags & PLAIN == 0 {
            return self.record(end, false);
        }
        match self.core.record_success(self.generation) {
            FastRecord::Done => {}
            rest => self.record(end, rest == FastRecord::NeedsEvaluation),
        }
    }

    // Most have ended when they are dropped.
    #[cold]
    fn end_cancelled(&mut self) {
        let panicking = std::thread::panicking();
        let end = if timeout_scope::is_over(self.attempt) || (self.flags & OWNS_PANICS != 0 && panicking) {
            PermitOutcome::FAILURE
        } else if self.flags & ANSWERED != 0 {
            PermitOutcome::CancelledAfterResponse
        } else {
            PermitOutcome::Cancelled
        };
        if panicking {
            // An observer that panics now, too, would end the process.
            let _ = catch_unwind(AssertUnwindSafe(|| self.finish(end)));
        } else {
            self.finish(end);
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
