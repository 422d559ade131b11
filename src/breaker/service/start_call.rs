use tower_service::Service;

use crate::{
    Classifier,
    breaker::{
        admission::Gate,
        call::Judge,
        circuit::Circuit,
        future::{self, ResponseFuture},
        permit::Permit,
        rejection::Rejection,
    },
    readiness::Readiness,
    reservation::Releaser,
};

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

/// What a function has made that isn't compiled in line. That must lie in memory; and were it of the same size as what is made in line, both
/// would be made to lie at one place there, for no better reason than that, and be copied from there at every call. So it is larger.
pub(crate) struct Elsewhere<S: Service<Req>, C: Classifier<Req, S::Response, S::Error>, R, Req, E> {
    pub(crate) made: future::Future<S, C, R, Req, E>,
    _more: usize,
}
