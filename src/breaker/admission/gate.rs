//! Readiness and admission.

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

/// The readiness of a breaker: the readiness of the inner service, and the admission by the
/// circuit. While the circuit rejects, the breaker is ready without polling the inner service.
pub(crate) struct AdmissionGate<S> {
    readiness: Readiness,
    ready: GateState,
    releaser: Releaser<S>,
}

/// The admission of one call.
pub(crate) struct Entry<'a, S> {
    pub(crate) admitted: Result<Permit, Rejection>,
    /// Holds the readiness error that is the outcome of the call, if there is one.
    pub(crate) readiness: &'a mut Readiness,
    pub(crate) releaser: &'a Releaser<S>,
}

/// The result of the last poll.
#[derive(Default)]
enum GateState {
    /// The service hasn't been polled since it was made or released, so it has reserved nothing.
    #[default]
    Released,
    /// The service is ready. The circuit decides at the call.
    InnerReady,
    /// The service failed to become ready. That is the outcome of the next call.
    InnerFailed,
    /// The service is ready, and the circuit has issued this permit.
    Permitted(HeldPermit),
    /// The circuit rejects. The service wasn't polled.
    Rejecting(PackedRejection),
    /// The breaker waits until the circuit may admit a call.
    Waiting(RetryTimer),
}

impl<S> AdmissionGate<S> {
    /// Returns ready at once while the circuit rejects; otherwise when the service is ready. With
    /// `waits`, returns ready when the service is ready and the circuit has issued a permit.
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
        // Assigned only on a change: each assignment has to drop the former value.
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

    /// Releases what the service may have reserved when it was polled. Keeps a readiness error.
    #[inline]
    fn release(&mut self, inner: &mut S) {
        if let GateState::InnerReady = self.ready {
            self.releaser.release(inner);
        }
    }

    /// The gate's state before a call of the service.
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
                    // While it waits for its circuit, the service must not hold a reservation that
                    // others could use. Its readiness error is dropped, because it would become the
                    // outcome of a much later call.
                    self.release(inner);
                    self.readiness = Readiness::default();
                    GateState::Waiting(RetryTimer::new(retry_in))
                }
            };
        }
    }

    /// Returns the permit for one call if the service was ready and the circuit is closed. On
    /// `None`, the caller takes the slow path.
    #[inline]
    pub(crate) fn try_enter_fast<C>(&mut self, circuit: &Circuit<C>) -> Option<Permit> {
        if let GateState::InnerReady = self.ready { circuit.admit_fast() } else { None }
    }

    /// Returns the rejection of one call, if the last poll found one. Also drops a readiness error
    /// that no call returned, so that it doesn't become the outcome of a later probe.
    #[inline]
    pub(crate) fn take_rejection(&mut self) -> Option<PackedRejection> {
        let GateState::Rejecting(packed) = self.ready else { return None };
        (self.ready, self.readiness) = (GateState::Released, Readiness::default());
        Some(packed)
    }

    /// Requests a permit for one call.
    #[cold]
    pub(crate) fn enter<C>(&mut self, circuit: &Circuit<C>) -> Entry<'_, S> {
        // A readiness error is kept until it is the outcome of a call, even if the code below
        // panics.
        let ready = self.ready_to_call();
        let admitted = match std::mem::replace(&mut self.ready, ready) {
            GateState::Permitted(held) => Ok(held.start_call()),
            // `take_rejection` has handled `Rejecting` before this point. If it hasn't, the circuit
            // decides again.
            GateState::Released | GateState::InnerReady | GateState::InnerFailed | GateState::Rejecting(_) => {
                circuit.try_acquire()
            }
            GateState::Waiting(_) => panic!("`call` before `poll_ready` returned ready"),
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
