use std::{
    fmt,
    task::{Context, Poll},
};

use ::http::{Request, Response};
use ::http_body::Body;
use tower_service::Service;

use super::{OnBodyEnd, TrackedBody};
use crate::{
    Circuit, Classifier,
    breaker::{AdmissionGate, OnRejection, RejectWithError, future, start_call},
    http::message_body::expects_body,
};

/// A service behind a circuit that records each call when its response body ends. Made by
/// [`BodyBreakerLayer`](super::BodyBreakerLayer).
///
/// # Clone
///
/// A clone shares the circuit, and has to be polled ready. It costs one reference count and a clone
/// of the inner service.
pub struct BodyBreaker<S, C, Reject = RejectWithError> {
    inner: S,
    circuit: Circuit<C>,
    on_rejection: Reject,
    gate: AdmissionGate<S>,
}

impl<S, C, Reject> BodyBreaker<S, C, Reject> {
    pub(super) fn new(inner: S, circuit: Circuit<C>, on_rejection: Reject) -> Self {
        Self { inner, circuit, on_rejection, gate: AdmissionGate::default() }
    }

    /// The circuit of this service.
    pub fn circuit(&self) -> &Circuit<C> {
        &self.circuit
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

crate::service::call_methods!(BodyBreaker<S, C, Reject>);

impl<S, C, Reject, ReqBody, ResBody> Service<Request<ReqBody>> for BodyBreaker<S, C, Reject>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Send + 'static,
    ResBody: Body,
    C: Classifier<Request<ReqBody>, Response<ResBody>, S::Error> + Clone,
    Reject: OnRejection<Response<ResBody>, S::Error> + Clone,
{
    type Response = Response<TrackedBody<ResBody>>;
    type Error = Reject::Error;
    type Future = future::Future<S, C, Reject, Request<ReqBody>, OnBodyEnd>;

    /// As for [`Breaker`](crate::breaker::Breaker).
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.gate.poll(&self.circuit, &mut self.inner, Reject::WAITS, cx).map(Ok)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let completion = OnBodyEnd { has_no_body: !expects_body(&request) };
        start_call(&mut self.gate, &self.circuit, &mut self.inner, &self.on_rejection, completion, request)
    }
}

impl<S: Clone, C: Clone, Reject: Clone> Clone for BodyBreaker<S, C, Reject> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            circuit: self.circuit.clone(),
            on_rejection: self.on_rejection.clone(),
            gate: self.gate.clone(),
        }
    }
}

impl<S: fmt::Debug, C, Reject> fmt::Debug for BodyBreaker<S, C, Reject> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyBreaker")
            .field("inner", &self.inner)
            .field("circuit", &self.circuit)
            .finish_non_exhaustive()
    }
}
