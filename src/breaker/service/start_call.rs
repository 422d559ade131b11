//! The start of a call.

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
/// Starts a call, or rejects it. In the common case, one inlined expression builds the future in
/// its final place; see [`OutOfLine`].
#[inline(always)]
pub(crate) fn start_call<S, C, Reject, Req, Done>(
    gate: &mut AdmissionGate<S>,
    circuit: &Circuit<C>,
    inner: &mut S,
    on_rejection: &Reject,
    completion: Done,
    request: Req,
) -> future::Future<S, C, Reject, Req, Done>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    Reject: Clone,
{
    match gate.try_enter_fast(circuit) {
        Some(permit) => call_inner(circuit, permit, inner, completion, request),
        None => start_call_slow(gate, circuit, inner, on_rejection, completion, request).into_inner(),
    }
}

#[cold]
fn start_call_slow<S, C, Reject, Req, Done>(
    gate: &mut AdmissionGate<S>,
    circuit: &Circuit<C>,
    inner: &mut S,
    on_rejection: &Reject,
    completion: Done,
    request: Req,
) -> OutOfLine<future::Future<S, C, Reject, Req, Done>>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    Reject: Clone,
{
    if let Some(packed) = gate.take_rejection() {
        return OutOfLine::new(ResponseFuture::rejected(
            circuit.reject(packed),
            on_rejection.clone(),
            circuit.classifier.clone(),
        ));
    }
    start_call_outlined(gate.enter(circuit), circuit, inner, on_rejection, completion, request)
}

/// Calls the inner service with a permit. If the service panics, the permit is dropped during the
/// panic, and counts as a failure.
#[inline(always)]
pub(crate) fn call_inner<S, C, Reject, Req, Done>(
    circuit: &Circuit<C>,
    permit: Permit,
    inner: &mut S,
    completion: Done,
    request: Req,
) -> future::Future<S, C, Reject, Req, Done>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
{
    let state = call_state(circuit, permit, completion, &request);
    ResponseFuture::running(state, inner.call(request))
}

/// Makes the state of a call, with the memo that the classifier takes from the request.
#[inline(always)]
fn call_state<C, Req, Res, Err, Done>(
    circuit: &Circuit<C>,
    permit: Permit,
    completion: Done,
    request: &Req,
) -> CallState<C, C::Memo, Req, Done>
where
    C: Classifier<Req, Res, Err> + Clone,
{
    let classifier = circuit.classifier.clone();
    let memo = classifier.memo_without_retry(request);
    CallState::new(permit, classifier, memo, completion)
}

/// Starts a call that the slow path admitted or rejected. The service may not be ready.
#[cold]
pub(crate) fn start_call_outlined<S, C, Reject, Req, Done>(
    entry: Entry<'_, S>,
    circuit: &Circuit<C>,
    inner: &mut S,
    on_rejection: &Reject,
    completion: Done,
    request: Req,
) -> OutOfLine<future::Future<S, C, Reject, Req, Done>>
where
    S: Service<Req>,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    Reject: Clone,
{
    let Entry { admitted, readiness, releaser } = entry;
    let future = match admitted {
        Err(rejection) => {
            // Drops a readiness error that no call returned, so that it doesn't become the outcome
            // of a later probe.
            *readiness = Readiness::default();
            // The service also releases what it has reserved for this call, because the next call
            // may come much later.
            releaser.release(inner);
            ResponseFuture::rejected(rejection, on_rejection.clone(), circuit.classifier.clone())
        }
        Ok(permit) if !readiness.has_failed() => call_inner(circuit, permit, inner, completion, request),
        Ok(permit) => {
            let state = call_state(circuit, permit, completion, &request);
            ResponseFuture::unready(state, std::mem::take(readiness))
        }
    };
    OutOfLine::new(future)
}
