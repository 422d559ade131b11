use std::task::{Context, Poll, ready};

use tower_service::Service;

use super::{
    Circuit, Permit, Rejection,
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
    /// The service may be called: here is the permit.
    Granted(Granted),
    /// The service wasn't asked: the circuit rejects.
    Rejected(Rejection),
    /// Not yet.
    Waiting(Waiting),
}

impl Gate {
    /// Ready at once while the circuit rejects, otherwise when the service is. If it `waits`, ready when the service is and the circuit has
    /// given a permit.
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
        if let Err(rejection) = circuit.peek() {
            self.ready = Ready::Rejected(rejection);
            return Poll::Ready(());
        }
        self.ready = Ready::Service;
        self.readiness.poll(inner, cx)
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
                self.ready = Ready::Service;
            }
            let asked = match circuit.peek() {
                Ok(()) => {
                    ready!(self.readiness.poll(inner, cx));
                    circuit.grant()
                }
                Err(rejection) => Err(rejection),
            };
            self.ready = match asked {
                Ok(granted) => Ready::Granted(granted),
                Err(rejection) => Ready::Waiting(Waiting::on(&rejection)),
            };
        }
    }

    /// The permit for one call, or the rejection of it; and the readiness error that is the call's outcome, if there was one.
    pub(crate) fn enter<C>(&mut self, circuit: &Circuit<C>) -> (Result<Permit, Rejection>, &mut Readiness) {
        let asked = match std::mem::take(&mut self.ready) {
            Ready::Granted(granted) => Ok(granted.use_it()),
            Ready::Service => circuit.admit(),
            Ready::Rejected(rejection) => {
                circuit.rejected(&rejection);
                Err(rejection)
            }
            Ready::Waiting(_) => panic!("called without having been ready"),
        };
        (asked, &mut self.readiness)
    }
}
