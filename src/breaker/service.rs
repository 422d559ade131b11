use std::{
    fmt,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    Circuit, Fail, OnRejection, Permit, Rejection,
    future::{self, AtOnce, Judge, ResponseFuture},
    gate::Gate,
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
    gate: Gate,
}

impl<S, C, R> Breaker<S, C, R> {
    pub(super) fn new(inner: S, circuit: Circuit<C>, on_rejection: R) -> Self {
        Self { inner, circuit, on_rejection, gate: Gate::default() }
    }

    /// The circuit that it is on.
    pub fn circuit(&self) -> &Circuit<C> {
        &self.circuit
    }

    /// The service within.
    pub fn get_ref(&self) -> &S {
        &self.inner
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
    type Future = future::Future<S, C, R, Req, AtOnce>;

    /// Always ready while the circuit rejects, unless the layer is to wait; otherwise when the service is. Never an error: a
    /// readiness error is the outcome of the call that follows.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.gate.poll(&self.circuit, &mut self.inner, R::WAITS, cx).map(Ok)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let (asked, readiness) = self.gate.enter(&self.circuit);
        begin(&self.circuit, asked, (&mut self.inner, readiness), (&self.on_rejection, AtOnce), request)
    }
}

/// Makes the call, if it was admitted.
pub(crate) fn begin<S, C, R, Req, E>(
    circuit: &Circuit<C>,
    asked: Result<Permit, Rejection>,
    (inner, readiness): (&mut S, &mut Readiness),
    (on_rejection, ends): (&R, E),
    request: Req,
) -> future::Future<S, C, R, Req, E>
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
    let judge = Judge::new(permit, classifier, memo, ends);
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
