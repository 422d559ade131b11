use std::{
    fmt,
    task::{Context, Poll},
};

use tower_service::Service;

use super::start_call::start_call;
use crate::{
    Classifier,
    breaker::{
        admission::AdmissionGate,
        call::AtOnce,
        circuit::Circuit,
        future,
        rejection::{Fail, OnRejection},
    },
};

/// A service behind a circuit. Made by [`BreakerLayer`](super::BreakerLayer).
///
/// While the circuit rejects, it is ready without kind the service, and answers with a rejection; or it isn't ready, if the
/// layer is to [wait](super::BreakerLayer::wait_when_open).
///
/// If the circuit opens between `poll_ready` and `call`, what the service has reserved is given up, by replacing it with a clone: a place in a
/// queue, say, that others wait for. That needs a service that is `Clone`, and a breaker that was cloned once: this is how it learns to clone
/// a service that need not be `Clone`.
///
/// # Clone
///
/// A clone is on the same circuit: one reference count, and what a clone of the service costs. It isn't ready yet.
pub struct Breaker<S, C, R = Fail> {
    inner: S,
    circuit: Circuit<C>,
    on_rejection: R,
    gate: AdmissionGate<S>,
}

impl<S, C, R> Breaker<S, C, R> {
    pub(crate) fn new(inner: S, circuit: Circuit<C>, on_rejection: R) -> Self {
        Self { inner, circuit, on_rejection, gate: AdmissionGate::default() }
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
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.gate.poll(&self.circuit, &mut self.inner, R::WAITS, cx).map(Ok)
    }

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        start_call(&mut self.gate, &self.circuit, &mut self.inner, &self.on_rejection, AtOnce, request)
    }
}

impl<S: Clone, C: Clone, R: Clone> Clone for Breaker<S, C, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            circuit: self.circuit.clone(),
            on_rejection: self.on_rejection.clone(),
            gate: self.gate.clone(),
        }
    }
}

impl<S: fmt::Debug, C, R> fmt::Debug for Breaker<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("inner", &self.inner).field("circuit", &self.circuit).finish_non_exhaustive()
    }
}
