use std::task::{Context, Poll, ready};

use tower_service::Service;

use super::{
    Circuit, Permit, Rejection,
    refused::Refused,
    waiting::{Granted, Waiting},
};
use crate::readiness::Readiness;

/// What stands before a service: its readiness, and its circuit's leave. A service that rejects is ready without being asked.
#[derive(Default)]
pub(crate) struct Gate {
    readiness: Readiness,
    ready: Ready,
}

/// What the last look found.
#[derive(Default)]
enum Ready {
    /// The service may be called, if the circuit lets it.
    #[default]
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

impl Gate {
    /// Ready at once while the circuit rejects, otherwise when the service is. If it `waits`, ready when the service is and the circuit has
    /// given a permit.
    #[inline(always)]
    pub(crate) fn poll<S, C, Req>(
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
        if !ready!(self.readiness.ask(inner, cx)) {
            self.ready = Ready::Failed;
        }
        Poll::Ready(())
    }

    /// As who is about to call the service has it.
    fn to_call(&self) -> Ready {
        if self.readiness.has_failed() { Ready::Failed } else { Ready::Service }
    }

    fn poll_granted<S, C, Req>(&mut self, circuit: &Circuit<C>, inner: &mut S, cx: &mut Context<'_>) -> Poll<()>
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
                self.ready = self.to_call();
            }
            let asked = match circuit.peek() {
                Ok(()) => {
                    ready!(self.readiness.poll(inner, cx));
                    circuit.grant().map_err(|rejection| rejection.retry_in())
                }
                Err(refused) => Err(refused.retry_in()),
            };
            self.ready = match asked {
                Ok(granted) => Ready::Granted(granted),
                Err(retry_in) => Ready::Waiting(Waiting::on(retry_in)),
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
        (self.ready, self.readiness) = (Ready::Service, Readiness::default());
        Some(refused)
    }

    /// The permit for one call, or the rejection of it; and the readiness error that is the call's outcome, if there was one.
    #[cold]
    pub(crate) fn enter<C>(&mut self, circuit: &Circuit<C>) -> (Result<Permit, Rejection>, &mut Readiness) {
        // A failure to get ready stays told until it is the outcome of a call, also if what follows panics.
        let ready = self.to_call();
        let asked = match std::mem::replace(&mut self.ready, ready) {
            Ready::Granted(granted) => Ok(granted.use_it()),
            // Whoever was refused is asked before, or asks anew.
            Ready::Service | Ready::Failed | Ready::Refused(_) => circuit.admit(),
            Ready::Waiting(_) => panic!("called without having been ready"),
        };
        (asked, &mut self.readiness)
    }
}
