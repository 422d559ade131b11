use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use super::{
    cell::Ended,
    rule::{Ending, Phase, Word},
    slab::{Core, Tenant},
    window::Counts,
};
use crate::{FailureKind, Verdict, observe::Event, random, told};

/// A circuit's leave to make one call. It ends exactly once: with a verdict, or by being dropped.
///
/// An ending that comes after its circuit has moved on (it opened, half-opened, closed or was reset since) changes
/// nothing but the totals.
///
/// A dropped permit counts as neither a success nor a failure, with two exceptions: the thread is panicking (the call
/// panicked, which is a failure), or a retry further out has cut the call off because it took too long (which is one too).
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
    core: &'static Core,
    generation: u32,
    /// Successes are counted, so even a healthy ending has something to write.
    counted: bool,
    /// A panic while this permit is alive is the call's own.
    blamed: bool,
    ended: bool,
    /// When the call began, in the tenant's microseconds; `UNTIMED` if no rule asks.
    started: u64,
}

const UNTIMED: u64 = u64::MAX;

impl Permit {
    pub(crate) fn new(core: &'static Core, tenant: &Tenant, generation: u32) -> Self {
        let started = if tenant.settings.slow_after.is_some() { tenant.now() } else { UNTIMED };
        Self { core, generation, counted: tenant.settings.count_calls, blamed: true, ended: false, started }
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

    /// Ends with a verdict. A rejection by another breaker further in is neutral.
    pub fn end(mut self, verdict: Verdict) {
        let end = match verdict {
            Verdict::Success => End::Success,
            Verdict::Failure(failure) if failure.kind() == FailureKind::Rejected => End::Neutral,
            Verdict::Failure(_) => End::Failure,
            Verdict::Neutral => End::Neutral,
        };
        self.finish(end);
    }

    /// Whose panic it is if the thread panics now: the call's while it is polled, somebody else's otherwise.
    pub(crate) fn blame(&mut self, blamed: bool) {
        self.blamed = blamed;
    }

    #[inline]
    fn finish(&mut self, end: End) {
        self.ended = true;
        let untimed = self.started == UNTIMED;
        if matches!(end, End::Success) && untimed && !self.counted && self.core.is_quiet(self.generation) {
            return;
        }
        self.record(end);
    }

    /// The endings that have something to write.
    #[cold]
    fn record(&self, end: End) {
        let Some(guard) = self.core.tenant_of(self.generation) else { return };
        let Some(tenant) = guard.as_deref() else { return };
        let ending = match end {
            End::Success => {
                if self.counted {
                    tenant.totals.successes.add();
                }
                Ending::Success
            }
            End::Failure => {
                tenant.totals.failures.add();
                Ending::Failure
            }
            End::Neutral => {
                tenant.totals.neutral.add();
                Ending::Neither
            }
            End::Dropped => {
                tenant.totals.dropped.add();
                Ending::Neither
            }
        };
        let settings = &tenant.settings;
        let ended = self.core.cell.end(
            (&settings.rules, &settings.probing, &self.core.window),
            self.generation,
            (ending, self.is_slow(tenant)),
            || tenant.now(),
            |streak| micros(tenant.open_time(self.generation, streak)),
        );
        // Everything is counted before anybody is told: an observer may panic.
        if let Ended::Became(..) = ended {
            tenant.totals.transitions.add();
        }
        if ending == Ending::Failure {
            settings.observers.tell(Event::CallFailed { name: &settings.name });
        }
        if let Ended::Became(word, counts) = ended {
            tenant.tell_of(self.generation, word, counts);
        }
    }

    fn is_slow(&self, tenant: &Tenant) -> bool {
        let limit = match tenant.settings.slow_after {
            Some(limit) if self.started != UNTIMED => limit,
            _ => return false,
        };
        tenant.now().saturating_sub(self.started) > micros(limit)
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let panicking = std::thread::panicking();
        let end = if told::is_cut_off() || (self.blamed && panicking) { End::Failure } else { End::Dropped };
        if panicking {
            // An observer that panics now, too, would end the process.
            let _ = catch_unwind(AssertUnwindSafe(|| self.finish(end)));
        } else {
            self.finish(end);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("generation", &self.generation).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
enum End {
    Success,
    Failure,
    Neutral,
    Dropped,
}

impl Core {
    /// Whether a success of `generation` has nothing to write.
    #[inline]
    fn is_quiet(&self, generation: u32) -> bool {
        let word = self.cell.load();
        word.generation == generation
            && word.phase == Phase::Closed { failures_in_a_row: 0 }
            && self.window.is_quiet(generation)
    }
}

impl Tenant {
    /// For how long the circuit opens when `generation` ends: the same for everybody who asks.
    fn open_time(&self, generation: u32, streak: u8) -> Duration {
        let mut generator = random::generator(self.seed, self.age(generation).into());
        self.settings.open_for.time(streak, &mut generator)
    }

    fn tell_of(&self, generation: u32, word: Word, counts: Counts) {
        let name = &self.settings.name;
        self.settings.observers.tell(match word.phase {
            Phase::Open => Event::CircuitOpened {
                name,
                open_for: self.open_time(generation, word.streak),
                openings_in_a_row: word.streak.into(),
                calls: counts.calls.max(counts.timed),
                failures: counts.failures,
                slow: counts.slow,
            },
            Phase::HalfOpen { .. } => Event::CircuitHalfOpened { name },
            Phase::Closed { .. } => Event::CircuitClosed { name },
        });
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
