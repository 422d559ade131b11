use std::task::{Context, Poll, ready};

use tower_service::Service;

use super::{held_permit::HeldPermit, retry_timer::RetryTimer};
use crate::{
    breaker::{
        circuit::Circuit,
        permit::Permit,
        rejection::{PackedRejection, Rejection},
    },
    readiness::Readiness,
    reservation::Releaser,
};

/// What stands before a service: its readiness, and its circuit's leave. A service that rejects is ready without being admitted.
pub(crate) struct AdmissionGate<S> {
    readiness: Readiness,
    ready: GateState,
    releaser: Releaser<S>,
}

/// The result of asking for one call.
pub(crate) struct Entry<'a, S> {
    pub(crate) admitted: Result<Permit, Rejection>,
    /// Holds the readiness error that is the outcome of the call, if there is one.
    pub(crate) readiness: &'a mut Readiness,
    pub(crate) releaser: &'a Releaser<S>,
}

/// What the last look found.
#[derive(Default)]
enum GateState {
    /// The service wasn't polled since it was made or released, so it has reserved nothing.
    #[default]
    Released,
    /// The service may be called, if the circuit lets it.
    InnerReady,
    /// The same, but the service has failed to get ready: that is the call's outcome.
    InnerFailed,
    /// The service may be called: here is the permit.
    Permitted(HeldPermit),
    /// The service wasn't admitted: the circuit rejects.
    Rejecting(PackedRejection),
    /// Not yet.
    Waiting(RetryTimer),
}

impl<S> AdmissionGate<S> {
    /// GateState at once while the circuit rejects, otherwise when the service is. If it `waits`, ready when the service is and the circuit has
    /// given a permit.
    #[inline(always)]
    pub(crate) fn poll<C, Req>(
        &mut self,
        circuit: &Circuit<C>,
        inner: &mut S,
        waits: bool,
        cx: &mut Context<'_>,
    ) -> Poll<()>
    where
        S: Service<Req>,
        S::Error: Send + 'static,
    {
        if waits {
            return self.poll_permit(circuit, inner, cx);
        }
        if let Err(packed) = circuit.peek() {
            self.release(inner);
            self.ready = GateState::Rejecting(packed);
            return Poll::Ready(());
        }
        // Not written if it is so already: to assign is to look for something to drop.
        if !matches!(self.ready, GateState::InnerReady) {
            self.ready = self.ready_to_call();
            if let GateState::InnerFailed = self.ready {
                return Poll::Ready(());
            }
        }
        if !ready!(self.readiness.ask(inner, |inner| self.releaser.release(inner), cx)) {
            self.ready = GateState::InnerFailed;
        }
        Poll::Ready(())
    }

    /// Gives up what the service may have reserved when it was polled. A readiness error is kept.
    #[inline]
    fn release(&mut self, inner: &mut S) {
        if let GateState::InnerReady = self.ready {
            self.releaser.release(inner);
        }
    }

    /// As who is about to call the service has it.
    fn ready_to_call(&self) -> GateState {
        if self.readiness.has_failed() { GateState::InnerFailed } else { GateState::InnerReady }
    }

    fn poll_permit<C, Req>(&mut self, circuit: &Circuit<C>, inner: &mut S, cx: &mut Context<'_>) -> Poll<()>
    where
        S: Service<Req>,
        S::Error: Send + 'static,
    {
        loop {
            if let GateState::Permitted(_) = self.ready {
                return Poll::Ready(());
            }
            if let GateState::Waiting(waiting) = &mut self.ready {
                ready!(waiting.poll(cx));
                self.ready = GateState::Released;
            }
            let admitted = match circuit.peek() {
                Ok(()) => {
                    if let GateState::Released | GateState::Rejecting(_) = self.ready {
                        self.ready = GateState::InnerReady;
                    }
                    ready!(self.readiness.poll(inner, |inner| self.releaser.release(inner), cx));
                    circuit.hold_permit().map_err(|rejection| rejection.retry_in())
                }
                Err(packed) => Err(packed.retry_in()),
            };
            self.ready = match admitted {
                Ok(held) => GateState::Permitted(held),
                Err(retry_in) => {
                    // A service that waits for its circuit keeps no place that others could use. A readiness error would be held against
                    // the call that follows, much later.
                    self.release(inner);
                    self.readiness = Readiness::default();
                    GateState::Waiting(RetryTimer::new(retry_in))
                }
            };
        }
    }

    /// The permit for one call, if that can be said without more ado: the service was ready, and the circuit is closed. `None` says
    /// nothing.
    #[inline]
    pub(crate) fn try_enter_fast<C>(&mut self, circuit: &Circuit<C>) -> Option<Permit> {
        if let GateState::InnerReady = self.ready { circuit.admit_fast() } else { None }
    }

    /// Why one call is rejected, if the service wasn't admitted whether it is ready, as the circuit rejects. A readiness error that no call was
    /// the outcome of is forgotten: it would be held against the probe, much later.
    #[inline]
    pub(crate) fn take_rejection(&mut self) -> Option<PackedRejection> {
        let GateState::Rejecting(packed) = self.ready else { return None };
        (self.ready, self.readiness) = (GateState::Released, Readiness::default());
        Some(packed)
    }

    /// The permit for one call, or the rejection of it; and the readiness error that is the call's outcome, if there was one.
    #[cold]
    pub(crate) fn enter<C>(&mut self, circuit: &Circuit<C>) -> Entry<'_, S> {
        // A failure to get ready stays told until it is the outcome of a call, also if what follows panics.
        let ready = self.ready_to_call();
        let admitted = match std::mem::replace(&mut self.ready, ready) {
            GateState::Permitted(held) => Ok(held.start_call()),
            // Whoever was packed is admitted before, or asks anew.
            GateState::Released | GateState::InnerReady | GateState::InnerFailed | GateState::Rejecting(_) => {
                circuit.admit()
            }
            GateState::Waiting(_) => panic!("called without having been ready"),
        };
        Entry { admitted, readiness: &mut self.readiness, releaser: &self.releaser }
    }
}

impl<S> Default for AdmissionGate<S> {
    fn default() -> Self {
        Self { readiness: Readiness::default(), ready: GateState::default(), releaser: Releaser::default() }
    }
}

/// A clone isn't ready yet.
impl<S: Clone> Clone for AdmissionGate<S> {
    fn clone(&self) -> Self {
        Self { readiness: Readiness::default(), ready: GateState::default(), releaser: self.releaser.clone() }
    }
}
