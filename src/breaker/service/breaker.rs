//! The breaker service.

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
        call::OnResponse,
        circuit::Circuit,
        future,
        rejection::{OnRejection, RejectWithError},
    },
    classify::ErrorClassifier,
};

/// A service behind a circuit. [`BreakerLayer`](crate::BreakerLayer) makes it.
///
/// While the circuit rejects, it is ready without polling the inner service, and answers calls with
/// a rejection. With [`wait_when_open`](crate::BreakerLayer::wait_when_open), it isn't ready
/// instead.
///
/// If the circuit opens between `poll_ready` and `call`, the breaker releases what the inner
/// service has reserved, such as a place in a queue, by replacing the service with a clone. This
/// works only if the service is `Clone` and the breaker was cloned at least once: the breaker
/// doesn't require `Clone` of its service, so only its own `clone` can store a function that clones
/// the service.
///
/// # Clone
///
/// A clone uses the same circuit. Cloning costs one reference count and a clone of the service. The
/// clone must be polled ready before its first call.
pub struct Breaker<S, C = ErrorClassifier, Reject = RejectWithError> {
    inner: S,
    circuit: Circuit<C>,
    on_rejection: Reject,
    gate: AdmissionGate<S>,
}

impl<S, C, Reject> Breaker<S, C, Reject> {
    pub(crate) fn new(inner: S, circuit: Circuit<C>, on_rejection: Reject) -> Self {
        Self { inner, circuit, on_rejection, gate: AdmissionGate::default() }
    }

    /// Returns the circuit.
    pub fn circuit(&self) -> &Circuit<C> {
        &self.circuit
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

crate::service::call_methods!(Breaker<S, C, Reject>);

impl<S, C, Reject, Req> Service<Req> for Breaker<S, C, Reject>
where
    S: Service<Req>,
    S::Error: Send + 'static,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    Reject: OnRejection<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = Reject::Error;
    type Future = future::Future<S, C, Reject, Req, OnResponse>;

    /// Returns ready while the circuit rejects, unless the layer waits; otherwise when the inner
    /// service is ready. Never returns an error: a readiness error is the outcome of the next call.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.gate.poll(&self.circuit, &mut self.inner, Reject::WAITS, cx).map(Ok)
    }

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        start_call(&mut self.gate, &self.circuit, &mut self.inner, &self.on_rejection, OnResponse, request)
    }
}

impl<S: Clone, C: Clone, Reject: Clone> Clone for Breaker<S, C, Reject> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            circuit: self.circuit.clone(),
            on_rejection: self.on_rejection.clone(),
            gate: self.gate.clone(),
        }
    }
}

impl<S: fmt::Debug, C, Reject> fmt::Debug for Breaker<S, C, Reject> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("inner", &self.inner).field("circuit", &self.circuit).finish_non_exhaustive()
    }
}
