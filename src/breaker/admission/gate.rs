use std::task::{Context, Poll, ready};

use tower_service::Service;

use super::{held_permit::Granted, retry_timer::Waiting};
use crate::{
    breaker::{
        circuit::Circuit,
        permit::Permit,
        rejection::{Refused, Rejection},
    },
    readiness::Readiness,
    reservation::Releaser,
};

/// What stands before a service: its readiness, and its circuit's leave. A service that rejects is ready without being asked.
pub(crate) struct Gate<S> {
    readiness: Readiness,
    ready: Ready,
    releaser: Releaser<S>,
}

/// What the last look found.
#[derive(Default)]
enum Ready {
    /// The service wasn't polled since it was made or released, so it has reserved nothing.
    #[default]
    Released,
    /// The service may be called, if the circuit lets it.
    Service,
    /// The same, but the service has failed to get ready: that is the call's outcome.
    Failed,
    /// The service may be called: here is the permit.
    Granted(Granted),
    /// The service wasn't asked: the circuit rejects.
    Refused(Refused),
    /// Not yet.
    Waiting(Waiting),
}

impl<S> Gate<S> {
    /// Ready at once while the circuit rejects, otherwise when the service is. If it `waits`, ready when the service is and the circuit has
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
            return self.poll_granted(circuit, inner, cx);
        }
        if let Err(refused) = circuit.peek() {
            self.release(inner);
            self.ready = Ready::Refused(refused);
            return Poll::Ready(());
        }
        // Not written if it is so already: to assign is to look for something to drop.
        if !matches!(self.ready, Ready::Service) {
            self.ready = self.to_call();
            if let Ready::Failed = self.ready {
                return Poll::Ready(());
            }
        }
        if !ready!(self.readiness.ask(inner, |inner| self.releaser.release(inner), cx)) {
            self.ready = Ready::Failed;
        }
        Poll::Ready(())
    }

    /// Gives up what the service may have reserved when it was polled. A readiness error is kept.
    #[inline]
    fn release(&mut self, inner: &mut S) {
        if let Ready::Service = self.ready {
            self.releaser.release(inner);
        }
    }

    /// As who is about to call the service has it.
    fn to_call(&self) -> Ready {
        if self.readiness.has_failed() { Ready::Failed } else { Ready::Service }
    }

    fn poll_granted<C, Req>(&mut self, circuit: &Circuit<C>, inner: &mut S, cx: &mut Context<'_>) -> Poll<()>
    where
        S: Service<Req>,
        S::Error: Send + 'static,
    {
        loop {
            if let Ready::Granted(_) = self.ready {
                return Poll::Ready(());
            }
            if let Ready::Waiting(waiting) = &mut self.ready {
                ready!(waiting.poll(cx));
                self.ready = Ready::Released;
            }
            let asked = match circuit.peek() {
                Ok(()) => {
                    if let Ready::Released | Ready::Refused(_) = self.ready {
                        self.ready = Ready::Service;
                    }
                    ready!(self.readiness.poll(inner, |inner| self.releaser.release(inner), cx));
                    circuit.grant().map_err(|rejection| rejection.retry_in())
                }
                Err(refused) => Err(refused.retry_in()),
            };
            self.ready = match asked {
                Ok(granted) => Ready::Granted(granted),
                Err(retry_in) => {
                    // A service that waits for its circuit keeps no place that others could use. A readiness error would be held against
                    // the call that follows, much later.
                    self.release(inner);
                    self.readiness = Readiness::default();
                    Ready::Waiting(Waiting::on(retry_in))
                }
            };
        }
    }

    /// The permit for one call, if that can be said without more ado: the service was ready, and the circuit is closed. `None` says
    /// nothing.
    #[inline]
    pub(crate) fn enter_at_once<C>(&mut self, circuit: &Circuit<C>) -> Option<Permit> {
        if let Ready::Service = self.ready { circuit.admit_at_once() } else { None }
    }

    /// Why one call is rejected, if the service wasn't asked whether it is ready, as the circuit rejects. A readiness error that no call was
    /// the outcome of is forgotten: it would be held against the probe, much later.
    #[inline]
    pub(crate) fn refused(&mut self) -> Option<Refused> {
        let Ready::Refused(refused) = self.ready else { return None };
        (self.ready, self.readiness) = (Ready::Released, Readiness::default());
        Some(refused)
    }

    /// The permit for one call, or the rejection of it; and the readiness error that is the call's outcome, if there was one.
    #[cold]
    pub(crate) fn enter<C>(
        &mut self,
        circuit: &Circuit<C>,
    ) -> (Result<Permit, Rejection>, &mut Readiness, &Releaser<S>) {
        // A failure to get ready stays told until it is the outcome of a call, also if what follows panics.
        let ready = self.to_call();
        let asked = match std::mem::replace(&mut self.ready, ready) {
            Ready::Granted(granted) => Ok(granted.use_it()),
            // Whoever was refused is asked before, or asks anew.
            Ready::Released | Ready::Service | Ready::Failed | Ready::Refused(_) => circuit.admit(),
            Ready::Waiting(_) => panic!("called without having been ready"),
        };
        (asked, &mut self.readiness, &self.releaser)
    }
}

impl<S> Default for Gate<S> {
    fn default() -> Self {
        Self { readiness: Readiness::default(), ready: Ready::default(), releaser: Releaser::default() }
    }
}

/// A clone isn't ready yet.
impl<S: Clone> Clone for Gate<S> {
    fn clone(&self) -> Self {
        Self { readiness: Readiness::default(), ready: Ready::default(), releaser: self.releaser.clone() }
    }
}
