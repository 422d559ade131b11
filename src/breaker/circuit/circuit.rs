use std::{fmt, sync::Arc, time::Duration};

use crate::{
    Name,
    breaker::{
        config::{BreakerConfig, Settings},
        core::Tenant,
        permit::Permit,
        rejection::{PackedRejection, Rejection},
        state::State,
        transition::AdmissionKind,
    },
    call_context::result_note,
    classify::Errors,
    observe::Event,
};

/// A circuit to watch and to steer, alone or under any number of layers and services: clones are handles of the same one.
///
/// Put a layer on it with [`BreakerLayer::on`](super::BreakerLayer::on), wrap a function with [`call`](Self::call), or take
/// permits by hand with [`admit`](Self::admit), which is also how settings are tried out:
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::breaker::{OpenFor, OpenRule};
/// use tower_recourse::{BreakerConfig, Circuit, State, time::ManualClock};
///
/// let clock = ManualClock::new();
/// let config = BreakerConfig::default()
///     .open_when(OpenRule::consecutive(2)?)
///     .open_for(OpenFor::fixed(Duration::from_secs(30)))
///     .clock(clock.clone());
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
    pub(super) tenant: Arc<Tenant>,
    pub(crate) classifier: C,
}

impl<C> Circuit<C> {
    /// A closed circuit.
    pub fn new(config: BreakerConfig<C>) -> Self {
        Self { tenant: Tenant::new(config.settings, None), classifier: config.classifier }
    }

    #[cfg(feature = "keyed")]
    pub(crate) fn of(tenant: Arc<Tenant>, classifier: C) -> Self {
        Self { tenant, classifier }
    }

    #[cfg(all(test, not(recourse_loom)))]
    pub(crate) fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// Asks for leave to make one call.
    ///
    /// A layer around that gets the [`Rejection`], as it is or in a box, or in the source chain of a boxed error, recognises it: a
    /// retry returns it, or waits it out if it is short (`RetryConfig::wait_out_rejections`), and an outer breaker doesn't count it. An error type of your own is an ordinary failure, also if it
    /// contains the rejection: return the rejection as its source, and classify with [`Sources`](crate::classify::Sources). Code that
    /// drops or keeps the rejection and fails for another reason has failed. See [the classifiers' page](crate::classify#rejections).
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the circuit is open, or half-open with all its probes on their way, or if it admits only a share of the
    /// calls and this is none of them.
    #[inline]
    pub fn admit(&self) -> Result<Permit, Rejection> {
        match self.admit_fast() {
            Some(permit) => Ok(permit),
            None => self.admit_slow(),
        }
    }

    /// The permit of a circuit that is closed and has nothing to remember of a call before it ends. `None` says nothing.
    #[inline]
    pub(crate) fn admit_fast(&self) -> Option<Permit> {
        let core = self.tenant.core;
        let generation = core.cell.generation_if_admitting_all()?;
        core.flags().is_plain().then(|| Permit::plain(core, generation))
    }

    #[cold]
    fn admit_slow(&self) -> Result<Permit, Rejection> {
        self.acquire(AdmissionKind::Request).inspect_err(|rejection| {
            self.report_rejection(&self.tenant.settings.load(), rejection.name(), rejection.retry_in());
            result_note::annotate_error::<Rejection>(rejection.cause());
        })
    }

    /// [`admit`](Self::admit), but nobody is told of a rejection, and it isn't counted.
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
                // An observer that panics loses the call, not the probe's slot.
                permit.attribute_panics(false);
                Ok(permit)
            }
            Err(packed) => Err(packed),
        };
        for &transition in &changes {
            tenant.totals.transitions.add();
            tenant.emit_transition(&settings, transition);
        }
        let mut permit = permit.map_err(|packed| self.rejection(&settings, packed))?;
        permit.attribute_panics(true);
        Ok(permit)
    }

    /// Whether a call would be admitted now, without kind for it; by chance counts as yes.
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
        // Its time may be over. Who only peeks, and stays away, would leave it there for ever.
        if tenant.core.cell.load().state() == State::HalfOpen {
            self.advance_by_time();
        }
        tenant.core.cell.peek(&settings.probes, || tenant.now(&settings))
    }

    /// The rejection of a call that a look at the circuit has [packed](Self::peek): counted, and told.
    pub(crate) fn reject(&self, packed: PackedRejection) -> Rejection {
        let settings = self.tenant.settings.load();
        self.report_rejection(&settings, self.tenant.name(&settings), packed.retry_in());
        // Made when all else is done, where it will stay.
        self.rejection(&settings, packed)
    }

    fn report_rejection(&self, settings: &Settings, name: &Name, retry_in: Option<Duration>) {
        self.tenant.totals.rejected.add();
        settings.observers.tell(Event::CallRejected { name, retry_in });
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
