//! The handle of a circuit.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    breaker::{
        config::{BreakerConfig, Settings},
        core::Tenant,
        permit::Permit,
        rejection::{PackedRejection, Rejection},
        state::State,
        transition::AdmissionKind,
    },
    call_context::result_note,
    classify::ErrorClassifier,
};

/// A handle to use, watch and control a circuit. Any number of layers and services can share one
/// circuit. Clones are handles of the same circuit.
///
/// Put a layer on it with [`BreakerLayer::on`](crate::BreakerLayer::on), call a function through it
/// with [`call`](Self::call), or take permits by hand with [`try_acquire`](Self::try_acquire). With
/// permits, you can also try settings out:
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::breaker::{OpenDuration, TripRule};
/// use tower_recourse::{BreakerConfig, Circuit, State, time::ManualClock};
///
/// let clock = ManualClock::new();
/// let config = BreakerConfig::default()
///     .open_when(TripRule::consecutive(2)?)
///     .open_for(OpenDuration::fixed(Duration::from_secs(30)))
///     .clock(clock.clone());
/// let circuit = Circuit::new(config);
///
/// circuit.try_acquire()?.failure();
/// circuit.try_acquire()?.failure();
/// let rejection = circuit.try_acquire().unwrap_err();
/// assert_eq!(rejection.to_string(), "circuit `breaker` is open; retry in 30.0 s");
///
/// clock.advance(Duration::from_secs(30));
/// circuit.try_acquire()?.success();
/// assert_eq!(circuit.state(), State::Closed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The type contains the classifier. A [`CircuitHandle`](crate::breaker::CircuitHandle) is a
/// circuit without one; its type can be written down whatever the classifier is.
///
/// # Clone
///
/// A clone costs one reference count. When the last of the handles, services and layers of a
/// circuit is dropped, another circuit may reuse its memory; calls in flight then end without
/// effect.
#[derive(Clone)]
pub struct Circuit<C = ErrorClassifier> {
    pub(super) tenant: Arc<Tenant>,
    pub(crate) classifier: C,
}

impl<C> Circuit<C> {
    /// Makes a closed circuit.
    pub fn new(config: BreakerConfig<C>) -> Self {
        let registry = config.settings.registration.registry.clone();
        let circuit = Self { tenant: Tenant::new(config.settings, None), classifier: config.classifier };
        if let Some(registry) = registry {
            circuit.register(&registry);
        }
        circuit
    }

    #[cfg(feature = "keyed")]
    pub(crate) fn of(tenant: Arc<Tenant>, classifier: C) -> Self {
        Self { tenant, classifier }
    }

    #[cfg(all(test, not(recourse_loom)))]
    pub(crate) fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// Requests a permit for one call.
    ///
    /// An outer layer recognises the [`Rejection`] if you return it as it is, in a box, or in the
    /// source chain of a boxed error. Then a retry returns it, or waits out its `retry_in` if that
    /// is short (`RetryConfig::wait_out_rejections`), and an outer breaker doesn't count it. Your
    /// own error type is an ordinary failure, even if it contains the rejection. For an outer layer
    /// to recognise it, return the rejection from its `source`, and classify with
    /// [`FollowSources`](crate::classify::FollowSources). If your code doesn't return the rejection
    /// and fails for another reason, that is an ordinary failure, too. See
    /// [Rejections](crate::classify#rejections).
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the circuit is open, if it is half-open and no probe is due, or if it
    /// admits only a share of the calls and rejects this one. A rejection also sets a thread-local
    /// note, by which outer layers recognise the rejection within the same poll.
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit, Rejection> {
        match self.admit_fast() {
            Some(permit) => Ok(permit),
            None => self.admit_slow(),
        }
    }

    /// Returns a permit if the circuit is closed and no setting needs bookkeeping at the start of a
    /// call. On `None`, the caller takes the slow path.
    #[inline]
    pub(crate) fn admit_fast(&self) -> Option<Permit> {
        let core = self.tenant.core;
        let generation = core.cell.generation_if_admitting_all()?;
        core.flags().is_plain().then(|| Permit::plain(core, generation))
    }

    #[cold]
    fn admit_slow(&self) -> Result<Permit, Rejection> {
        self.acquire(AdmissionKind::Request).inspect_err(|rejection| {
            self.report_rejection(&self.tenant.settings.load(), rejection.retry_in());
            result_note::annotate_error::<Rejection>(rejection.cause());
        })
    }

    /// Does what [`try_acquire`](Self::try_acquire) does, but neither counts nor reports a
    /// rejection.
    pub(crate) fn acquire(&self, kind: AdmissionKind) -> Result<Permit, Rejection> {
        let tenant = &*self.tenant;
        let settings = tenant.settings.load();
        let mut changes = Vec::new();
        let admitted = tenant.throttle(&settings).and_then(|()| {
            tenant.with_context(&settings, None, |context| {
                tenant.core.cell.admit(
                    context,
                    kind,
                    |share| tenant.chance(&settings, share),
                    |transition| changes.push(transition),
                )
            })
        });
        let permit = match admitted {
            Ok(generation) => {
                let mut permit = Permit::with_bookkeeping(tenant, &settings, generation);
                // If an observer panics below, the permit is dropped. It then counts as cancelled
                // instead of failed, and frees the slot of a probe.
                permit.attribute_panics(false);
                Ok(permit)
            }
            Err(packed) => Err(packed),
        };
        for &transition in &changes {
            // An admission changes only circuits that count as open.
            tenant.update_group(&settings, true, transition.word);
        }
        for &transition in &changes {
            tenant.totals.transitions.add(transition.from, transition.word.state());
            tenant.emit_transition(&settings, transition, None);
        }
        let mut permit = permit.map_err(|packed| self.rejection(&settings, packed))?;
        permit.attribute_panics(true);
        Ok(permit)
    }

    /// Returns the rejection that a call would get now as `Err`. Returns `Ok` in slow start, where
    /// admission is random.
    #[inline]
    pub(crate) fn peek(&self) -> Result<(), PackedRejection> {
        if self.tenant.core.cell.is_closed() { Ok(()) } else { self.peek_slow() }
    }

    #[cold]
    fn peek_slow(&self) -> Result<(), PackedRejection> {
        let tenant = &*self.tenant;
        if let Some(packed) = tenant.core.cell.peek_open(|| tenant.now_fast()) {
            return Err(packed);
        }
        let settings = tenant.settings.load();
        // The half-open timeout may be over. If all callers only peeked and made no call, the
        // circuit would otherwise stay half-open.
        if tenant.core.cell.load().state() == State::HalfOpen {
            self.advance_by_time();
        }
        tenant.core.cell.peek(&settings.probes, || tenant.now(&settings))
    }

    /// Makes the rejection of a call that [`peek`](Self::peek) rejected. Counts and reports it.
    pub(crate) fn reject(&self, packed: PackedRejection) -> Rejection {
        let settings = self.tenant.settings.load();
        self.report_rejection(&settings, packed.retry_in());
        // Constructed last, as the return value, so that it isn't copied.
        self.rejection(&settings, packed)
    }

    fn report_rejection(&self, settings: &Settings, retry_in: Option<Duration>) {
        self.tenant.totals.rejected.add();
        self.tenant.emit_rejection(settings, retry_in);
    }

    fn rejection(&self, settings: &Settings, packed: PackedRejection) -> Rejection {
        Rejection::new(self.tenant.name(settings).clone(), packed)
    }
}

impl<C> fmt::Debug for Circuit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.tenant.core.cell.load();
        f.debug_struct("Circuit").field("name", &self.name()).field("state", &word.state()).finish_non_exhaustive()
    }
}
