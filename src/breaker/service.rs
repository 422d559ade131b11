use std::{
    fmt,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    Circuit, Fail, OnRejection, Permit, Rejection,
    future::{self, Judge, ResponseFuture},
    waiting::{Granted, Waiting},
};
use crate::{Classifier, readiness::Readiness};

/// A service behind a circuit. Made by [`BreakerLayer`](super::BreakerLayer).
///
/// While the circuit rejects, it is ready without asking the service, and answers with a rejection; or it isn't ready, if the
/// layer is to [wait](super::BreakerLayer::wait_when_open).
///
/// # Clone
///
/// A clone is on the same circuit: one reference count, and what a clone of the service costs. It isn't ready yet.
pub struct Breaker<S, C, R = Fail> {
    inner: S,
    circuit: Circuit<C>,
    on_rejection: R,
    readiness: Readiness,
    ready: Ready,
}

/// What the last `poll_ready` found.
enum Ready {
    /// The service may be called, if the circuit lets it.
    Service,
    /// The service may be called: here is the permit.
    Granted(Granted),
    /// The service wasn't asked: the circuit rejects.
    Rejected(Rejection),
    /// Not yet.
    Waiting(Waiting),
}

impl<S, C, R> Breaker<S, C, R> {
    pub(super) fn new(inner: S, circuit: Circuit<C>, on_rejection: R) -> Self {
        Self { inner, circuit, on_rejection, readiness: Readiness::default(), ready: Ready::Service }
    }

    /// The circuit that it is on.
    pub fn circuit(&self) -> &Circuit<C> {
        &self.circuit
    }

    /// The service within.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Ready when the service is and the circuit has given a permit.
    fn poll_granted<Req>(&mut self, cx: &mut Context<'_>) -> Poll<()>
    where
        S: Service<Req>,
        S::Error: Send + 'static,
    {
        loop {
            if let Ready::Granted(_) = self.ready {
                return Poll::Ready(());
            }
            if let Ready::Waiting(waiting) = &mut self.ready {
                std::task::ready!(waiting.poll(cx));
                self.ready = Ready::Service;
            }
            let asked = match self.circuit.peek() {
                Ok(()) => {
                    std::task::ready!(self.readiness.poll(&mut self.inner, cx));
                    self.circuit.grant()
                }
                Err(rejection) => Err(rejection),
            };
            self.ready = match asked {
                Ok(granted) => Ready::Granted(granted),
                Err(rejection) => Ready::Waiting(Waiting::on(&rejection)),
            };
        }
    }
}

impl<S, C, R, Req> Service<Req> for Breaker<S, C, R>
where
    S: Service<Req>,
    S::Error: Send + 'static,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    R: OnRejection<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = R::Error;
    type Future = future::Future<S, C, R, Req>;

    /// Always ready while the circuit rejects, unless the layer is to wait; otherwise when the service is. Never an error: a
    /// readiness error is the outcome of the call that follows.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if R::WAITS {
            return self.poll_granted(cx).map(Ok);
        }
        if let Err(rejection) = self.circuit.peek() {
            self.ready = Ready::Rejected(rejection);
            return Poll::Ready(Ok(()));
        }
        self.ready = Ready::Service;
        self.readiness.poll(&mut self.inner, cx).map(Ok)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let asked = match std::mem::replace(&mut self.ready, Ready::Service) {
            Ready::Granted(granted) => Ok(granted.use_it()),
            Ready::Service => self.circuit.admit(),
            Ready::Rejected(rejection) => {
                self.circuit.rejected(&rejection);
                Err(rejection)
            }
            Ready::Waiting(_) => panic!("called without having been ready"),
        };
        begin(&self.circuit, asked, (&mut self.inner, &mut self.readiness), &self.on_rejection, request)
    }
}

/// Makes the call, if it was admitted.
pub(super) fn begin<S, C, R, Req>(
    circuit: &Circuit<C>,
    asked: Result<Permit, Rejection>,
    (inner, readiness): (&mut S, &mut Readiness),
    on_rejection: &R,
    request: Req,
) -> future::Future<S, C, R, Req>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    R: Clone,
{
    let permit = match asked {
        Ok(permit) => permit,
        Err(rejection) => {
            // A readiness error that no call was the outcome of would be held against the probe, much later.
            *readiness = Readiness::default();
            return ResponseFuture::rejected(rejection, on_rejection.clone());
        }
    };
    let classifier = circuit.classifier.clone();
    let memo = classifier.memo(&request);
    let judge = Judge::new(permit, classifier, memo);
    if readiness.has_failed() {
        return ResponseFuture::unready(judge, std::mem::take(readiness));
    }
    // A panic in here drops the permit while the thread panics: a failure.
    ResponseFuture::running(judge, inner.call(request))
}

impl<S: Clone, C: Clone, R: Clone> Clone for Breaker<S, C, R> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.circuit.clone(), self.on_rejection.clone())
    }
}

impl<S: fmt::Debug, C, R> fmt::Debug for Breaker<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("inner", &self.inner).field("circuit", &self.circuit).finish_non_exhaustive()
    }
}
