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
use crate::{Classifier, readiness::Readiness, reservation::Releaser};

/// A service behind a circuit. Made by [`BreakerLayer`](super::BreakerLayer).
///
/// While the circuit rejects, it is ready without asking the service, and answers with a rejection; or it isn't ready, if the
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
    gate: Gate<S>,
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
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.gate.poll(&self.circuit, &mut self.inner, R::WAITS, cx).map(Ok)
    }

    #[inline(always)]
    fn call(&mut self, request: Req) -> Self::Future {
        begin(&mut self.gate, &self.circuit, &mut self.inner, (&self.on_rejection, AtOnce), request)
    }
}

/// Makes the call, if its circuit lets it. Mostly that can be said at once, and then what is made is written once, where it will stay: see
/// [`Elsewhere`].
#[inline(always)]
pub(crate) fn begin<S, C, R, Req, E>(
    gate: &mut Gate<S>,
    circuit: &Circuit<C>,
    inner: &mut S,
    (on_rejection, ends): (&R, E),
    request: Req,
) -> future::Future<S, C, R, Req, E>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    R: Clone,
{
    match gate.enter_at_once(circuit) {
        Some(permit) => run(circuit, permit, inner, ends, request),
        None => begin_otherwise(gate, circuit, inner, (on_rejection, ends), request).made,
    }
}

#[cold]
fn begin_otherwise<S, C, R, Req, E>(
    gate: &mut Gate<S>,
    circuit: &Circuit<C>,
    inner: &mut S,
    (on_rejection, ends): (&R, E),
    request: Req,
) -> Elsewhere<S, C, R, Req, E>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    R: Clone,
{
    if let Some(refused) = gate.refused() {
        return Elsewhere {
            made: ResponseFuture::rejected(circuit.reject(refused), on_rejection.clone(), circuit.classifier.clone()),
            _more: 0,
        };
    }
    let (asked, readiness, releaser) = gate.enter(circuit);
    begin_as_asked(circuit, asked, (inner, readiness, releaser), (on_rejection, ends), request)
}

/// Makes a call that is admitted. A panic in here drops the permit while the thread panics: a failure.
#[inline(always)]
pub(crate) fn run<S, C, R, Req, E>(
    circuit: &Circuit<C>,
    permit: Permit,
    inner: &mut S,
    ends: E,
    request: Req,
) -> future::Future<S, C, R, Req, E>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
{
    let classifier = circuit.classifier.clone();
    let memo = classifier.memo(&request);
    ResponseFuture::running(Judge::new(permit, classifier, memo, ends), inner.call(request))
}

/// What a function has made that isn't compiled in line. That must lie in memory; and were it of the same size as what is made in line, both
/// would be made to lie at one place there, for no better reason than that, and be copied from there at every call. So it is larger.
pub(crate) struct Elsewhere<S: Service<Req>, C: Classifier<Req, S::Response, S::Error>, R, Req, E> {
    pub(crate) made: future::Future<S, C, R, Req, E>,
    _more: usize,
}

/// Makes a call that had to be asked for, or that the service may not have been ready for.
#[cold]
pub(crate) fn begin_as_asked<S, C, R, Req, E>(
    circuit: &Circuit<C>,
    asked: Result<Permit, Rejection>,
    (inner, readiness, releaser): (&mut S, &mut Readiness, &Releaser<S>),
    (on_rejection, ends): (&R, E),
    request: Req,
) -> Elsewhere<S, C, R, Req, E>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    R: Clone,
{
    let made = match asked {
        Err(rejection) => {
            // A readiness error that no call was the outcome of would be held against the probe, much later.
            *readiness = Readiness::default();
            // Nor does the service keep what it has reserved for this call: it may not be called for a long time.
            releaser.release(inner);
            ResponseFuture::rejected(rejection, on_rejection.clone(), circuit.classifier.clone())
        }
        Ok(permit) if !readiness.has_failed() => run(circuit, permit, inner, ends, request),
        Ok(permit) => {
            let classifier = circuit.classifier.clone();
            let memo = classifier.memo(&request);
            ResponseFuture::unready(Judge::new(permit, classifier, memo, ends), std::mem::take(readiness))
        }
    };
    Elsewhere { made, _more: 0 }
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
