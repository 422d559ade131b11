use tower_layer::Layer;

use super::BodyBreaker;
use crate::{
    BreakerConfig, Circuit, Rejection,
    breaker::{KeepError, NotReady, RejectWithError, RejectWithResponse},
    http::StatusClassifier,
};

/// Puts a breaker around a service, and records each call when its response body ends. See the
/// [module](super).
///
/// # Clone
///
/// Clones share the circuit.
#[derive(Debug, Clone)]
pub struct BodyBreakerLayer<C = StatusClassifier, Reject = RejectWithError> {
    circuit: Circuit<C>,
    on_rejection: Reject,
}

impl<C> BodyBreakerLayer<C> {
    /// Makes a layer with a new circuit.
    pub fn new(config: BreakerConfig<C>) -> Self {
        Self { circuit: Circuit::new(config), on_rejection: RejectWithError }
    }
}

impl<C: Clone> BodyBreakerLayer<C> {
    /// Makes a layer with an existing circuit, for example to share it with other layers or to
    /// monitor it.
    pub fn on(circuit: &Circuit<C>) -> Self {
        Self { circuit: circuit.clone(), on_rejection: RejectWithError }
    }
}

impl<C, Reject> BodyBreakerLayer<C, Reject> {
    /// Answers rejected calls with a response that `respond` makes, as
    /// [`BreakerLayer::respond_when_open`](crate::BreakerLayer::respond_when_open) does.
    pub fn respond_when_open<F, Res>(self, respond: F) -> BodyBreakerLayer<C, RejectWithResponse<F>>
    where
        F: Fn(&Rejection) -> Res,
    {
        self.on_rejection(RejectWithResponse(respond))
    }

    /// Fails rejected calls with the service's own error type, as
    /// [`BreakerLayer::keep_error`](crate::BreakerLayer::keep_error) does.
    pub fn keep_error(self) -> BodyBreakerLayer<C, KeepError> {
        self.on_rejection(KeepError)
    }

    /// Waits in `poll_ready` while the circuit rejects, as
    /// [`BreakerLayer::wait_when_open`](crate::BreakerLayer::wait_when_open) does.
    pub fn wait_when_open(self) -> BodyBreakerLayer<C, NotReady> {
        self.on_rejection(NotReady)
    }

    /// Sets how rejected calls are answered, for example by
    /// [`Unavailable`](crate::http::Unavailable).
    pub fn on_rejection<O>(self, on_rejection: O) -> BodyBreakerLayer<C, O> {
        BodyBreakerLayer { circuit: self.circuit, on_rejection }
    }

    /// The circuit of this layer.
    pub fn circuit(&self) -> &Circuit<C> {
        &self.circuit
    }
}

impl<S, C: Clone, Reject: Clone> Layer<S> for BodyBreakerLayer<C, Reject> {
    type Service = BodyBreaker<S, C, Reject>;

    fn layer(&self, inner: S) -> Self::Service {
        BodyBreaker::new(inner, self.circuit.clone(), self.on_rejection.clone())
    }
}
