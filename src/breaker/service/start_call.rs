use crate::{
    Classifier,
    breaker::{
        admission::{AdmissionGate, Entry},
        call::CallState,
        circuit::Circuit,
        future::{self, ResponseFuture},
        permit::Permit,
    },
    readiness::Readiness,
};
use tower_service::Service;

use super::out_of_line::OutOfLine;
/// Makes the call, if its circuit lets it. Mostly that can be said at once, and then what is made is written once, where it will stay: see
/// [`OutOfLine`].
#[inline(always)]
pub(crate) fn start_call<S, C, R, Req, E>(
    gate: &mut AdmissionGate<S>,
    circuit: &Circuit<C>,
    inner: &mut S,
    on_rejection: &R,
    ends: E,
    request: Req,
) -> future::Future<S, C, R, Req, E>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    R: Clone,
{
    match gate.try_enter_fast(circuit) {
        Some(permit) => call_inner(circuit, permit, inner, ends, request),
        None => start_call_slow(gate, circuit, inner, on_rejection, ends, request).into_inner(),
    }
}

#[cold]
fn start_call_slow<S, C, R, Req, E>(
    gate: &mut AdmissionGate<S>,
    circuit: &Circuit<C>,
    inner: &mut S,
    on_rejection: &R,
    ends: E,
    request: Req,
) -> OutOfLine<future::Future<S, C, R, Req, E>>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    R: Clone,
{
    if let Some(packed) = gate.take_rejection() {
        return OutOfLine::new(ResponseFuture::rejected(
            circuit.reject(packed),
            on_rejection.clone(),
            circuit.classifier.clone(),
        ));
    }
    start_call_outlined(gate.enter(circuit), circuit, inner, on_rejection, ends, request)
}

/// Makes a call that is admitted. A panic in here drops the permit while the thread panics: a failure.
#[inline(always)]
pub(crate) fn call_inner<S, C, R, Req, E>(
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
    ResponseFuture::running(CallState::new(permit, classifier, memo, ends), inner.call(request))
}

/// Makes a call that had to be admitted for, or that the service may not have been ready for.
#[cold]
pub(crate) fn start_call_outlined<S, C, R, Req, E>(
    entry: Entry<'_, S>,
    circuit: &Circuit<C>,
    inner: &mut S,
    on_rejection: &R,
    ends: E,
    request: Req,
) -> OutOfLine<future::Future<S, C, R, Req, E>>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    R: Clone,
{
    let Entry { admitted, readiness, releaser } = entry;
    let future = match admitted {
        Err(rejection) => {
            // A readiness error that no call was the outcome of would be held against the probe, much later.
            *readiness = Readiness::default();
            // Nor does the service keep what it has reserved for this call: it may not be called for a long time.
            releaser.release(inner);
            ResponseFuture::rejected(rejection, on_rejection.clone(), circuit.classifier.clone())
        }
        Ok(permit) if !readiness.has_failed() => call_inner(circuit, permit, inner, ends, request),
        Ok(permit) => {
            let classifier = circuit.classifier.clone();
            let memo = classifier.memo(&request);
            ResponseFuture::unready(CallState::new(permit, classifier, memo, ends), std::mem::take(readiness))
        }
    };
    OutOfLine::new(future)
}
