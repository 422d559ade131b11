use std::{
    fmt,
    task::{Context, Poll},
};

use tower_service::Service;

use super::{
    BreakerError, Circuit, Rejection,
    future::{Judge, ResponseFuture},
};
use crate::{Classifier, readiness::Readiness};

/// A service behind a circuit. Made by [`BreakerLayer`](super::BreakerLayer).
///
/// While the circuit rejects, it is ready without asking the service, and answers with [`BreakerError::Rejected`].
///
/// # Clone
///
/// A clone is on the same circuit: one reference count, and what a clone of the service costs.
#[derive(Clone)]
pub struct Breaker<S, C> {
    inner: S,
    circuit: Circuit<C>,
    readiness: Readiness,
    ready: Ready,
}

/// What the last `poll_ready` found.
#[derive(Clone)]
enum Ready {
    /// The service may be called.
    Service,
    /// It wasn't asked: the circuit rejects.
    Rejected(Rejection),
}

impl<S, C> Breaker<S, C> {
    pub(crate) fn new(inner: S, circuit: Circuit<C>) -> Self {
        Self { inner, circuit, readiness: Readiness::default(), ready: Ready::Service }
    }

    /// Drops a readiness error that no call was the outcome of: it would be held against the probe, much later.
    fn reject<Req>(&mut self, rejection: Rejection) -> ResponseFuture<S, C, Req>
    where
        S: Service<Req>,
        C: Classifier<Req, S::Response, S::Error>,
    {
        self.readiness = Readiness::default();
        ResponseFuture::rejected(rejection)
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

impl<S, C, Req> Service<Req> for Breaker<S, C>
where
    S: Service<Req>,
    S::Error: Send + 'static,
    C: Classifier<Req, S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = BreakerError<S::Error>;
    type Future = ResponseFuture<S, C, Req>;

    /// Always ready while the circuit rejects; otherwise when the service is. Never an error: a readiness error is the
    /// outcome of the call that follows.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if let Err(rejection) = self.circuit.peek() {
            self.ready = Ready::Rejected(rejection);
            return Poll::Ready(Ok(()));
        }
        self.ready = Ready::Service;
        if !self.readiness.has_failed() {
            match self.inner.poll_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => self.readiness.fail(error),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        if let Ready::Rejected(rejection) = std::mem::replace(&mut self.ready, Ready::Service) {
            self.circuit.rejected(&rejection);
            return self.reject(rejection);
        }
        let permit = match self.circuit.admit() {
            Ok(permit) => permit,
            Err(rejection) => return self.reject(rejection),
        };
        let classifier = self.circuit.classifier.clone();
        let memo = classifier.memo(&request);
        let judge = Judge { permit, classifier, memo };
        if self.readiness.has_failed() {
            let error = self.readiness.take_error().expect("`poll_ready` and `call` are of one request type");
            return ResponseFuture::unready(judge, error);
        }
        // A panic in here drops the permit while the thread panics: a failure.
        let call = self.inner.call(request);
        ResponseFuture::running(judge, call)
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Breaker<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("inner", &self.inner).field("circuit", &self.circuit).finish_non_exhaustive()
    }
}
