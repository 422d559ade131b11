use std::{fmt, sync::Arc, time::Duration};

use super::{
    BreakerConfig, BreakerError, Permit, Rejection, State, Stats,
    future::Judge,
    rule::{Phase, Word},
    slab::Lease,
};
use crate::{Classifier, Name, classify::Errors, observe::Event, told};

/// A circuit to watch and to steer, alone or under any number of layers and services: clones are handles of the same one.
///
/// Put a layer on it with [`BreakerLayer::on`](super::BreakerLayer::on), wrap a function with [`call`](Self::call), or take
/// permits by hand with [`admit`](Self::admit), which is also how settings are tried out:
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{BreakerConfig, Circuit, State, breaker::OpenRule, time::ManualClock};
///
/// let clock = ManualClock::new();
/// let config = BreakerConfig::default().open_when(OpenRule::consecutive(2)?).clock(clock.clone());
/// let circuit = Circuit::new(config);
///
/// circuit.admit()?.failure();
/// circuit.admit()?.failure();
/// let rejection = circuit.admit().unwrap_err();
/// assert_eq!(rejection.to_string(), "circuit `breaker` is open; retry in 30.0 s");
///
/// clock.advance(Duration::from_secs(30));
/// circuit.admit()?.success();
/// assert_eq!(circuit.state(), State::Closed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Clone
///
/// A clone is one reference count. A circuit's memory is used again after its last handle, service and layer is dropped; calls that
/// are still on their way then end without effect.
#[derive(Clone)]
pub struct Circuit<C = Errors> {
    lease: Arc<Lease>,
    pub(crate) classifier: C,
}

impl<C> Circuit<C> {
    /// A closed circuit.
    pub fn new(config: BreakerConfig<C>) -> Self {
        Self { lease: Arc::new(Lease::new(config.settings)), classifier: config.classifier }
    }

    /// Asks for leave to make one call.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the circuit is open, or half-open with all its probes on their way.
    #[inline]
    pub fn admit(&self) -> Result<Permit, Rejection> {
        let Lease { core, tenant } = &*self.lease;
        let settings = &tenant.settings;
        let lease = u64::try_from(settings.lease.as_micros()).unwrap_or(u64::MAX);
        match core.cell.admit(&settings.probing, lease, || tenant.now()) {
            Ok(admitted) => {
                if settings.count_calls {
                    tenant.totals.admitted.add();
                }
                let mut permit = Permit::new(core, tenant, admitted.generation);
                if admitted.half_opened {
                    // An observer that panics loses the call, not the probe's slot.
                    permit.blame(false);
                    self.has_half_opened();
                    permit.blame(true);
                }
                Ok(permit)
            }
            Err(refused) => Err(self.reject(refused.word, refused.until)),
        }
    }

    /// Calls an async function if the circuit lets it, and counts what becomes of it: the config's classifier judges.
    ///
    /// # Errors
    ///
    /// [`BreakerError::Rejected`] without calling the function, or its own error as [`BreakerError::Inner`].
    ///
    /// # Cancel safety
    ///
    /// Dropped while the function runs, the call counts as neither a success nor a failure. A panic of the function is
    /// a failure.
    pub async fn call<F, T, E>(&self, function: impl FnOnce() -> F) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<(), T, E>,
    {
        let mut permit = self.admit().map_err(BreakerError::Rejected)?;
        let mut call = std::pin::pin!(function());
        let result = std::future::poll_fn(|cx| {
            told::clear();
            permit.blame(true);
            let polled = call.as_mut().poll(cx);
            permit.blame(polled.is_ready());
            polled
        })
        .await;
        // Only now: a memo that is held while the function runs names `E`, and if there is a lifetime in that, as in
        // `Box<dyn Error>`, the compiler can't see that this call may be spawned.
        let memo = self.classifier.memo(&());
        Judge { permit, classifier: &self.classifier, memo }.end(&result);
        result.map_err(BreakerError::Inner)
    }

    /// The name given in the config.
    pub fn name(&self) -> &Name {
        &self.lease.tenant.settings.name
    }

    /// What it is doing. Reading it moves an open circuit whose time is over to half-open.
    pub fn state(&self) -> State {
        let Lease { core, tenant } = &*self.lease;
        if core.cell.tick(|| tenant.now()) {
            self.has_half_opened();
        }
        core.cell.load().state()
    }

    /// After which time a call may be admitted; `None` while calls are.
    pub fn retry_in(&self) -> Option<Duration> {
        self.peek().err().and_then(|rejection| rejection.retry_in())
    }

    /// Everything that there is to know. Reading it moves an open circuit whose time is over to half-open.
    pub fn stats(&self) -> Stats {
        let state = self.state();
        let Lease { core, tenant } = &*self.lease;
        let (settings, totals) = (&tenant.settings, &tenant.totals);
        let word = core.cell.load();
        let counts = match word.phase {
            Phase::Closed { .. } => core.window.counts(word.generation),
            Phase::Open | Phase::HalfOpen { .. } => core.cell.probe_counts(word.generation),
        };
        let failures_in_a_row = match word.phase {
            Phase::Closed { failures_in_a_row } => failures_in_a_row,
            Phase::Open | Phase::HalfOpen { .. } => 0,
        };
        let counted = |total: u64| settings.count_calls.then_some(total);
        Stats {
            name: settings.name.clone(),
            state,
            failures_in_a_row,
            threshold: settings.rules.consecutive,
            open_for: settings.open_for.base(),
            openings_in_a_row: word.streak.into(),
            retry_in: self.retry_in(),
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

    /// Closes the circuit and forgets what was counted, whatever its state. Calls on their way no longer count; totals stay.
    pub fn reset(&self) {
        let Lease { core, tenant } = &*self.lease;
        let before = core.cell.reset();
        if before.state() != State::Closed {
            tenant.totals.transitions.add();
            tenant.settings.observers.tell(Event::CircuitClosed { name: &tenant.settings.name });
        }
    }

    /// Whether a call would be admitted now, without asking for it.
    pub(crate) fn peek(&self) -> Result<(), Rejection> {
        let Lease { core, tenant } = &*self.lease;
        core.cell
            .peek(&tenant.settings.probing, || tenant.now())
            .map_err(|refused| self.rejection(refused.word, refused.until))
    }

    /// A rejection that is counted, and told.
    #[cold]
    fn reject(&self, word: Word, until: u64) -> Rejection {
        let rejection = self.rejection(word, until);
        self.rejected(&rejection);
        rejection
    }

    pub(crate) fn rejected(&self, rejection: &Rejection) {
        let tenant = &self.lease.tenant;
        tenant.totals.rejected.add();
        let (name, retry_in) = (rejection.name(), rejection.retry_in());
        tenant.settings.observers.tell(Event::CallRejected { name, retry_in });
        told::say(rejection.cause());
    }

    fn rejection(&self, word: Word, until: u64) -> Rejection {
        let tenant = &self.lease.tenant;
        let retry_in = (until < u64::MAX).then(|| Duration::from_micros(until.saturating_sub(tenant.now())));
        Rejection::new(tenant.settings.name.clone(), word.state(), retry_in)
    }

    fn has_half_opened(&self) {
        let tenant = &self.lease.tenant;
        tenant.totals.transitions.add();
        tenant.settings.observers.tell(Event::CircuitHalfOpened { name: &tenant.settings.name });
    }
}

impl<C> fmt::Debug for Circuit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.lease.core.cell.load();
        f.debug_struct("Circuit").field("name", self.name()).field("state", &word.state()).finish_non_exhaustive()
    }
}
